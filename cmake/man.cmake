# SPDX-License-Identifier: MIT
# The manual pages: man/NAME.SECTION.scd becomes man/manSECTION/NAME.SECTION of the build tree, and each further name of
# its NAME line a link to it. New pages are found by where they lie.
find_program(SCDOC scdoc REQUIRED DOC "Debian package scdoc")

# A program puts in what the code knows better than a page. To cross-compile, set CMAKE_CROSSCOMPILING_EMULATOR, with
# which CMake runs it, or install without pages.
if(CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR)
    return()
endif()
add_executable(man_expand man/expand.c)
target_include_directories(man_expand PRIVATE ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(man_expand PRIVATE tong_flags tong::tong_static)

# Sets ret_page to the page that is made of a source.
function(man_page source ret_page)
    get_filename_component(name ${source} NAME_WLE)
    string(REGEX MATCH "[0-9]$" section ${name})
    set(directory ${PROJECT_BINARY_DIR}/man/man${section})
    set(part ${PROJECT_BINARY_DIR}/man/parts/${name})
    set(paragraphs ${PROJECT_SOURCE_DIR}/man/paragraphs.awk)
    file(MAKE_DIRECTORY ${directory} ${PROJECT_BINARY_DIR}/man/parts)
    add_custom_command(OUTPUT ${directory}/${name} DEPENDS man_expand ${source} ${paragraphs}
        COMMAND man_expand < ${source} > ${part}.scd
        COMMAND ${SCDOC} < ${part}.scd > ${part}.roff
        COMMAND awk -f ${paragraphs} ${part}.roff > ${directory}/${name}
        VERBATIM)

    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source}) # its NAME line
    file(STRINGS ${source} others REGEX "^[a-z_, -]+ - ." LIMIT_COUNT 1)
    string(REGEX REPLACE " - .*" "" others "${others}")
    string(REPLACE ", " ";" others "${others}")
    list(POP_FRONT others)
    list(TRANSFORM others REPLACE ".+" "${directory}/\\0.${section}")
    foreach(other IN LISTS others)
        file(CREATE_LINK ${name} ${other} SYMBOLIC)
    endforeach()
    install(FILES ${directory}/${name} ${others} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
    set(${ret_page} ${directory}/${name} PARENT_SCOPE)
endfunction()

set(pages "")
file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/man/*.scd)
foreach(source IN LISTS sources)
    man_page(${source} page)
    list(APPEND pages ${page})
endforeach()
add_custom_target(man ALL DEPENDS ${pages})
