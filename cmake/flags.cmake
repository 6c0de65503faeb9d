# SPDX-License-Identifier: MIT
# How everything of this project is compiled: link tong_flags.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT DEFINED CMAKE_COMPILE_WARNING_AS_ERROR)
    # Whoever only uses tong should not suffer from what the next compiler warns of.
    set(CMAKE_COMPILE_WARNING_AS_ERROR ${PROJECT_IS_TOP_LEVEL})
endif()
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED GLOBAL)

math(EXPR version "(${PROJECT_VERSION_MAJOR} << 16) + (${PROJECT_VERSION_MINOR} << 8) + ${PROJECT_VERSION_PATCH}"
    OUTPUT_FORMAT HEXADECIMAL)

add_library(tong_flags INTERFACE)
target_compile_options(tong_flags INTERFACE
    -Wall -Wextra -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wundef
    -Wvla)
target_compile_definitions(tong_flags INTERFACE
    _GNU_SOURCE= # empty, as a source that defines it for itself writes it
    TONG_SEAMS=$<BOOL:${TONG_SEAMS}>
    TONG_VERSION=${version})
target_link_libraries(tong_flags INTERFACE Threads::Threads)

if(TONG_SANITIZE)
    add_compile_options(-fsanitize=${TONG_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    add_link_options(-fsanitize=${TONG_SANITIZE})
endif()
if(TONG_FUZZ)
    # Coverage counters everywhere, so that the fuzzer sees into the library; its main() only in the targets.
    add_compile_options(-fsanitize=fuzzer-no-link)
endif()
