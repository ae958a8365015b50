# add_floor(NAME [SOURCES f.c ...] [DEPS target ...])
#   One floor of the house: a static library NAME from the sources in the current folder. It sees
#   only what it names in DEPS, so an arrow that points up does not link.
function(add_floor name)
  cmake_parse_arguments(FLOOR "" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${FLOOR_SOURCES})
  target_include_directories(${name} PUBLIC ${HOUSE_INCLUDE_ROOT})
  target_link_libraries(${name} PUBLIC ${FLOOR_DEPS})
endfunction()

# add_unit_test(NAME [SOURCES f.c ...] [DEPS target ...] [ARGS ...])
#   A cmocka program, run by ctest under its own name.
function(add_unit_test name)
  cmake_parse_arguments(UNIT "" "" "SOURCES;DEPS;ARGS" ${ARGN})
  add_executable(${name} ${UNIT_SOURCES})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  target_link_libraries(${name} PRIVATE ${UNIT_DEPS} PkgConfig::CMOCKA)
  add_test(NAME ${name} COMMAND ${name} ${UNIT_ARGS})
  set_tests_properties(${name} PROPERTIES TIMEOUT 120 LABELS unit)
endfunction()

# embed_file(TARGET FILE SYMBOL)
#   Makes FILE's bytes a NUL-terminated `const unsigned char SYMBOL[]` (with `const size_t
#   SYMBOL_len`, the NUL not counted) that TARGET links.
function(embed_file target file symbol)
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.c)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DIN=${CMAKE_CURRENT_SOURCE_DIR}/${file} -DOUT=${out}
            -DSYMBOL=${symbol} -P ${CMAKE_SOURCE_DIR}/scripts/cmake/embed.cmake
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${file} ${CMAKE_SOURCE_DIR}/scripts/cmake/embed.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${out})
endfunction()
