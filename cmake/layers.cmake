# SPDX-License-Identifier: MIT
# One static library per layer of src/LAYERS, each linked with the layers below it. What a layer may include of those is
# the business of checks/layers.py.

# The transport that injects faults is part of test builds only.
set(TONG_SEAMS_ONLY "/transport/fault(_[a-z]+)?\\.c$")

function(tong_layer layer below)
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${layer}/*.c)
    if(NOT TONG_SEAMS)
        list(FILTER sources EXCLUDE REGEX ${TONG_SEAMS_ONLY})
    endif()
    list(TRANSFORM below PREPEND tong_)
    if(NOT sources)
        add_library(tong_${layer} INTERFACE)
        target_link_libraries(tong_${layer} INTERFACE ${below})
        return()
    endif()
    add_library(tong_${layer} STATIC ${sources})
    target_include_directories(tong_${layer} PRIVATE ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(tong_${layer} PRIVATE tong_flags PUBLIC ${below})
endfunction()

# Makes the libraries and sets ret_layers to the layers that are directories of src/, lowest first.
function(tong_layers ret_layers)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/LAYERS)
    file(STRINGS ${PROJECT_SOURCE_DIR}/src/LAYERS lines REGEX "^[a-z]+:")
    set(layers "")
    foreach(line IN LISTS lines)
        string(REGEX MATCH "^[a-z]+" layer "${line}")
        if(NOT IS_DIRECTORY ${PROJECT_SOURCE_DIR}/src/${layer})
            continue()
        endif()
        tong_layer(${layer} "${layers}")
        list(APPEND layers ${layer})
    endforeach()
    set(${ret_layers} ${layers} PARENT_SCOPE)
endfunction()
