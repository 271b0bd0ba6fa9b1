# The web pages, as a C table. npm and vite run once for all presets: scripts/build-web keeps its
# result in build/web/ and does nothing while the sources and package-lock.json stay the same.
# Without web/ (or with PARLEY_WEB=OFF) the table is empty and the daemon serves no pages.
set(PARLEY_ASSETS_C "${PROJECT_BINARY_DIR}/generated/assets.c")
set(web_dir "${PROJECT_SOURCE_DIR}/web")

file(GLOB_RECURSE web_sources CONFIGURE_DEPENDS "${web_dir}/src/*" "${web_dir}/public/*")
file(GLOB web_roots CONFIGURE_DEPENDS "${web_dir}/*.html" "${web_dir}/*.json" "${web_dir}/*.ts"
     "${web_dir}/*.js" "${web_dir}/*.mjs")

if(PARLEY_WEB)
    set(web_mode on)
else()
    set(web_mode off)
    set(web_sources "")
    set(web_roots "")
endif()

add_custom_command(
    OUTPUT "${PARLEY_ASSETS_C}"
    COMMAND "${PROJECT_SOURCE_DIR}/scripts/build-web" ${web_mode} "${PARLEY_ASSETS_C}"
    DEPENDS ${web_sources} ${web_roots} "${PROJECT_SOURCE_DIR}/scripts/build-web"
            "${PROJECT_SOURCE_DIR}/scripts/embed-assets.mjs"
            "${PROJECT_SOURCE_DIR}/scripts/npm-ci"
    WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
    COMMENT "Web pages (${web_mode})"
    USES_TERMINAL VERBATIM)
