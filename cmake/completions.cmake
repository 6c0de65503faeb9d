# SPDX-License-Identifier: MIT
# Completion for bash, zsh and fish, made by a program that includes the tables of the tool. To cross-compile, set
# CMAKE_CROSSCOMPILING_EMULATOR, with which CMake runs it, or install without completion.
set(TONG_ZSH_COMPLETIONS ${CMAKE_INSTALL_DATADIR}/zsh/site-functions CACHE STRING
    "Where completion for zsh is installed; a distribution has a directory of its own for that")

if(CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
    return()
endif()

add_executable(tong-completions packaging/completions/completions.c)
# It runs while the rest is built, where no sanitizer is of use.
set_target_properties(tong-completions PROPERTIES COMPILE_OPTIONS "" LINK_OPTIONS "")
target_include_directories(tong-completions PRIVATE tools/tong src)
target_link_libraries(tong-completions PRIVATE tong_flags)

set(completions "")
function(completion shell directory name)
    set(script ${PROJECT_BINARY_DIR}/completions/${name})
    set(template ${PROJECT_SOURCE_DIR}/packaging/completions/tong.${shell}.in)
    add_custom_command(OUTPUT ${script} COMMAND tong-completions ${template} ${script} DEPENDS ${template} VERBATIM)
    set(completions ${completions} ${script} PARENT_SCOPE)
    if(TONG_INSTALL)
        install(FILES ${script} DESTINATION ${directory})
    endif()
endfunction()

file(MAKE_DIRECTORY ${PROJECT_BINARY_DIR}/completions)
completion(bash ${CMAKE_INSTALL_DATADIR}/bash-completion/completions tong)
completion(zsh ${TONG_ZSH_COMPLETIONS} _tong)
completion(fish ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d tong.fish)
add_custom_target(tong_completions ALL DEPENDS ${completions})
