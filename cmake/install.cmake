# SPDX-License-Identifier: MIT
# What `cmake --install` gives: the libraries, their headers, how pkg-config and find_package find them, the tool.
option(TONG_RELOCATABLE "Let installed files find one another by relative paths, so that the tree may be moved" ON)
include(CMakePackageConfigHelpers)

install(TARGETS tong tong_static EXPORT tong INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY include/tong DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN *.h)

# pkg-config. Only a plain prefix lets it leave out what the compiler searches anyway, such as -I/usr/include.
set(pc_prefix ${CMAKE_INSTALL_PREFIX})
if(TONG_RELOCATABLE)
    cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig
        OUTPUT_VARIABLE up_to_prefix)
    set(pc_prefix "\${pcfiledir}/${up_to_prefix}")
endif()
foreach(directory IN ITEMS LIBDIR INCLUDEDIR)
    set(pc_${directory} "\${prefix}")
    cmake_path(APPEND pc_${directory} ${CMAKE_INSTALL_${directory}}) # which an absolute one replaces
endforeach()
configure_file(cmake/tong.pc.in tong.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/tong.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# find_package(tong): tong::tong and tong::tong_static. Before 1.0 a minor version may change the interface.
set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/tong)
configure_package_config_file(cmake/tongConfig.cmake.in tongConfig.cmake INSTALL_DESTINATION ${package_directory})
write_basic_package_version_file(tongConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/tongConfig.cmake ${PROJECT_BINARY_DIR}/tongConfigVersion.cmake
    DESTINATION ${package_directory})
install(EXPORT tong FILE tongTargets.cmake NAMESPACE tong:: DESTINATION ${package_directory})

# The tool uses the shared library, installed as in the build tree: what it measures and shows is what programs get, and
# a repaired library repairs the tool. A prefix may be unknown to the loader, so the tool looks from where it is itself.
if(TARGET tong-cli)
    if(TONG_RELOCATABLE)
        cmake_path(RELATIVE_PATH CMAKE_INSTALL_FULL_LIBDIR BASE_DIRECTORY ${CMAKE_INSTALL_FULL_BINDIR}
            OUTPUT_VARIABLE libraries_from_tool)
        set_target_properties(tong-cli PROPERTIES INSTALL_RPATH "$ORIGIN/${libraries_from_tool}")
    endif()
    install(TARGETS tong-cli)
endif()
