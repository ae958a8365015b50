# Run by embed_file: writes OUT, a C source that holds the bytes of IN as SYMBOL.
file(READ ${IN} hex HEX)
string(LENGTH "${hex}" digits)
math(EXPR size "${digits} / 2")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "((0x..,){16})" "\\1\n    " bytes "${bytes}")
file(WRITE ${OUT} "#include <stddef.h>\n\nextern const unsigned char ${SYMBOL}[];\nextern const size_t ${SYMBOL}_len;\n\nconst unsigned char ${SYMBOL}[] = {\n    ${bytes}0x00};\nconst size_t ${SYMBOL}_len = ${size};\n")
