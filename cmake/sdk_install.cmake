# The SDK as it is installed. Everything in it finds the rest by where it lies itself, so the whole
# prefix may be moved. Plugins are in lib/ on every distribution (see install.cmake), so is the rest.
add_library(parley_sdk INTERFACE)
set_target_properties(parley_sdk PROPERTIES EXPORT_NAME plugin)
target_include_directories(parley_sdk INTERFACE "$<INSTALL_INTERFACE:include>")

set(sdk "${PROJECT_SOURCE_DIR}/sdk")
set(sdk_cmake_dir lib/cmake/ParleyPlugin)
install(DIRECTORY "${sdk}/include/parley" DESTINATION include FILES_MATCHING PATTERN "*.h")
install(FILES "${sdk}/testkit/kit.h" DESTINATION include/parley)
install(FILES "${sdk}/testkit/installed/kit.h" DESTINATION include/parley/testkit)
install(TARGETS parley_sdk EXPORT ParleyPluginTargets)
install(TARGETS parley_kit_shared EXPORT ParleyPluginTargets LIBRARY DESTINATION lib)
install(EXPORT ParleyPluginTargets NAMESPACE Parley:: DESTINATION "${sdk_cmake_dir}")

include(CMakePackageConfigHelpers)
set(sdk_generated "${PROJECT_BINARY_DIR}/generated/sdk")
write_basic_package_version_file("${sdk_generated}/ParleyPluginConfigVersion.cmake"
    VERSION "${PARLEY_SDK_VERSION}" COMPATIBILITY SameMajorVersion)
install(FILES "${sdk}/cmake/ParleyPluginConfig.cmake" "${sdk}/cmake/plugin.map"
              "${sdk_generated}/ParleyPluginConfigVersion.cmake"
        DESTINATION "${sdk_cmake_dir}")

foreach(module parley-plugin parley-kit)
    configure_file("${sdk}/pkgconfig/${module}.pc.in" "${sdk_generated}/${module}.pc" @ONLY)
    install(FILES "${sdk_generated}/${module}.pc" DESTINATION lib/pkgconfig)
endforeach()

if(EXISTS "${sdk}/template")
    install(DIRECTORY "${sdk}/template/" DESTINATION share/parley/template USE_SOURCE_PERMISSIONS)
endif()
if(TARGET parley-plugin)
    install(TARGETS parley-plugin RUNTIME DESTINATION bin)
endif()
