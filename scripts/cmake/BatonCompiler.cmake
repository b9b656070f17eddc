set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# For g++ and clang++ only: nvcc knows neither these warnings nor their spelling.
function(baton_cxx_options)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:${ARGN}>")
endfunction()

baton_cxx_options(-Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wno-missing-field-initializers
                  -fno-omit-frame-pointer "-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=")
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # Flow-based warnings of g++ 12 that raise false alarms on strings, optional and variant when it inlines a lot.
  baton_cxx_options(-Wno-restrict -Wno-maybe-uninitialized -Wno-stringop-overflow)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL Clang)
  baton_cxx_options(-Wno-deprecated-declarations)  # inside libstdc++ 12's stable_sort
endif()
if(BATON_WERROR)
  baton_cxx_options(-Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # Of "undefined", the checks of single operations. Those of every member access (null, alignment, object size, vptr)
  # double the compile time of coroutine code and mostly find what the address sanitizer finds.
  string(REPLACE "undefined" "signed-integer-overflow,shift,integer-divide-by-zero,bounds,float-cast-overflow,\
enum,bool,return,unreachable,vla-bound" BATON_SANITIZE "${BATON_SANITIZE}")
endif()
if(BATON_SANITIZE)
  add_compile_options(-fsanitize=${BATON_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${BATON_SANITIZE})
endif()
