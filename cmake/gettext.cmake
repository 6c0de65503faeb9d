# SPDX-License-Identifier: MIT
# The tool's catalogues, po/LANGUAGE.po. The tool looks for them where its own path leads, in the build tree as in an
# installed one. po/update brings them up to the sources.
find_program(MSGFMT msgfmt REQUIRED DOC "Debian package gettext")

file(RELATIVE_PATH locales_from_tool /${CMAKE_INSTALL_BINDIR} /${CMAKE_INSTALL_LOCALEDIR})
target_compile_definitions(tong-cli PRIVATE TONG_LOCALES_FROM_TOOL="${locales_from_tool}")
get_target_property(locales tong-cli RUNTIME_OUTPUT_DIRECTORY)
cmake_path(APPEND locales ${locales_from_tool})
cmake_path(NORMAL_PATH locales)

set(catalogues "")
file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/po/*.po)
foreach(source IN LISTS sources)
    get_filename_component(language ${source} NAME_WE)
    set(catalogue ${locales}/${language}/LC_MESSAGES/tong.mo)
    file(MAKE_DIRECTORY ${locales}/${language}/LC_MESSAGES)
    add_custom_command(OUTPUT ${catalogue} DEPENDS ${source}
        COMMAND ${MSGFMT} --check-format --output-file=${catalogue} ${source} VERBATIM)
    if(TONG_INSTALL)
        install(FILES ${catalogue} DESTINATION ${CMAKE_INSTALL_LOCALEDIR}/${language}/LC_MESSAGES)
    endif()
    list(APPEND catalogues ${catalogue})
endforeach()
add_custom_target(catalogues ALL DEPENDS ${catalogues})
