# baton_find_cuda(RESULT): sets RESULT to whether the CUDA plugin is to be built, by BATON_CUDA: OFF never, ON always
# (an error without nvcc), AUTO where there is an nvcc that works and knows every GPU generation. AUTO leaves it out of
# sanitizer and fuzzing builds, whose flags nvcc's host compiler may not know. Code for all generations is built unless
# CMAKE_CUDA_ARCHITECTURES names others.
include(CheckLanguage)

set(BATON_CUDA_MIN_VERSION 12.8)  # the first that knows sm_100a and sm_120

macro(baton_find_cuda RESULT)
  set(${RESULT} OFF)
  if(NOT BATON_CUDA MATCHES "^(AUTO|ON|OFF)$")
    message(FATAL_ERROR "BATON_CUDA is \"${BATON_CUDA}\"; it must be AUTO, ON or OFF")
  endif()
  if(BATON_CUDA STREQUAL "ON" OR (BATON_CUDA STREQUAL "AUTO" AND NOT BATON_SANITIZE AND NOT BATON_FUZZ))
    find_program(BATON_NVCC nvcc PATHS /usr/local/cuda/bin)
    if(BATON_NVCC AND NOT DEFINED ENV{CUDACXX})
      set(ENV{CUDACXX} ${BATON_NVCC})
    endif()
    check_language(CUDA)
    if(CMAKE_CUDA_COMPILER)
      execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --version OUTPUT_VARIABLE baton_nvcc_text)
      string(REGEX MATCH "release ([0-9.]+)" baton_nvcc_release "${baton_nvcc_text}")
      set(baton_nvcc_version ${CMAKE_MATCH_1})
    endif()
    if(CMAKE_CUDA_COMPILER AND (BATON_CUDA STREQUAL "ON" OR NOT baton_nvcc_version VERSION_LESS BATON_CUDA_MIN_VERSION))
      set(${RESULT} ON)
      if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
        set(CMAKE_CUDA_ARCHITECTURES 80-real 89-real 90a-real 100a-real 120-real 80-virtual)
      endif()
    elseif(BATON_CUDA STREQUAL "ON")
      message(FATAL_ERROR "BATON_CUDA=ON needs a working nvcc: put it on the PATH, or set CMAKE_CUDA_COMPILER to it")
    else()
      message(STATUS "No nvcc ${BATON_CUDA_MIN_VERSION} or later: the CUDA plugin is not built")
    endif()
  endif()
endmacro()
