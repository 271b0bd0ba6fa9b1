# make install. The daemon looks for its plugins at ../lib/parley/plugins from its own place, so
# that folder is lib/ on every distribution.
include(GNUInstallDirs)

if(TARGET parleyd)
    install(TARGETS parleyd parleyctl RUNTIME DESTINATION bin)
endif()

file(GLOB ini_files CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/etc/*.ini")
list(FILTER ini_files EXCLUDE REGEX "/parley\\.bench[^/]*\\.ini$") # of use in a checkout only
install(FILES ${ini_files} DESTINATION etc/parley)
file(GLOB unit_files CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/etc/*.service")
install(FILES ${unit_files} DESTINATION lib/systemd/system)

install(FILES "${PROJECT_SOURCE_DIR}/etc/completion/parleyctl.bash"
        DESTINATION share/bash-completion/completions RENAME parleyctl)

file(GLOB doc_files CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/docs/*.md"
     "${PROJECT_SOURCE_DIR}/README.md" "${PROJECT_SOURCE_DIR}/CHANGELOG.md"
     "${PROJECT_SOURCE_DIR}/LICENSE")
install(FILES ${doc_files} DESTINATION share/doc/parley)
file(GLOB plugin_docs CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/plugins/*/*/*.md")
install(FILES ${plugin_docs} DESTINATION share/doc/parley/plugins)

# man/parleyd.1.scd becomes share/man/man1/parleyd.1
file(GLOB man_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/man/*.scd")
find_program(SCDOC scdoc)
if(man_sources AND SCDOC)
    set(man_pages "")
    foreach(source IN LISTS man_sources)
        cmake_path(GET source STEM LAST_ONLY page)
        string(REGEX MATCH "[0-9]$" section "${page}")
        set(out "${PROJECT_BINARY_DIR}/man/${page}")
        add_custom_command(OUTPUT "${out}"
            COMMAND sh -c "exec \"$1\" < \"$2\" > \"$3\"" sh "${SCDOC}" "${source}" "${out}"
            DEPENDS "${source}" COMMENT "Manual page ${page}" VERBATIM)
        install(FILES "${out}" DESTINATION share/man/man${section})
        list(APPEND man_pages "${out}")
    endforeach()
    file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/man")
    add_custom_target(man ALL DEPENDS ${man_pages})
elseif(man_sources)
    message(STATUS "scdoc is not installed: no manual pages")
endif()
