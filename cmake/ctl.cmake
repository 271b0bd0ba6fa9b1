# parleyctl: its own sources and core/base, which knows nothing of chat; neither lws nor a plugin.
file(GLOB ctl_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/ctl/*.c"
     "${PROJECT_SOURCE_DIR}/core/base/*.c")

add_executable(parleyctl ${ctl_sources})
target_include_directories(parleyctl PRIVATE "${PROJECT_SOURCE_DIR}/core"
    "${PROJECT_SOURCE_DIR}/ctl" "${PROJECT_SOURCE_DIR}/sdk/include")
target_include_directories(parleyctl SYSTEM PRIVATE "${UTHASH_INCLUDE_DIR}")
target_compile_definitions(parleyctl PRIVATE _GNU_SOURCE PARLEY_VERSION="${PROJECT_VERSION}")
target_link_libraries(parleyctl PRIVATE parley_flags PkgConfig::CURL PkgConfig::JANSSON
    PkgConfig::XXHASH Threads::Threads m)
set_target_properties(parleyctl PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
if(TARGET parleyd)
    add_dependencies(parleyd parleyctl) # whoever builds the daemon may control it
endif()
