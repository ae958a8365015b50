# The language level, the warnings, the hardening and the sanitizers of every target.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g -fno-omit-frame-pointer")

set(HOUSE_SANITIZE "" CACHE STRING "Sanitizers to build with, as for -fsanitize=")
option(HOUSE_WERROR "Treat warnings as errors (for CI)" OFF)

add_compile_definitions(_GNU_SOURCE)
add_compile_options(
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -Wformat=2 -Wvla -Wswitch-enum -fstack-protector-strong)
if(HOUSE_WERROR)
  add_compile_options(-Werror)
endif()

if(HOUSE_SANITIZE)
  add_compile_options(-fsanitize=${HOUSE_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${HOUSE_SANITIZE})
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release")
  set(CMAKE_POSITION_INDEPENDENT_CODE ON)
  add_compile_options(-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-clash-protection)
  add_link_options(-pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack)
  include(CheckIPOSupported)
  check_ipo_supported(RESULT HOUSE_LTO OUTPUT HOUSE_LTO_WHY LANGUAGES C)
  if(HOUSE_LTO)
    set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
  endif()
endif()
