/* The control socket: its file, who may come in, and that what fills the server leaves it open. */
#include "driver.h"
#include "net/local.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/wait.h>

static char folder[SCRATCH_BYTES], path[96];
static struct local_socket file;
static struct listener_socket made;
static char why[256];

static void begin(void)
{
    defaults();
    scratch_folder(folder);
    snprintf(path, sizeof path, "%s/s", folder);
    memset(&file, 0, sizeof file);
}

static void end(void)
{
    unlink(path);
    rmdir(folder);
}

static int make_at(const char *at, int64_t group)
{
    return local_listen(at, group, &file, &made, why);
}

/* --- the file --- */

START_TEST(the_file_is_of_those_who_may)
{
    struct stat st;

    umask(0077);
    ck_assert_msg(make_at(path, 12345) == 0 || geteuid(), "%s", why);
    if (geteuid())
        ck_assert_int_eq(make_at(path, -1), 0);
    ck_assert(made.local);
    ck_assert_int_eq(lstat(path, &st), 0);
    ck_assert_int_eq(st.st_mode, S_IFSOCK | 0660);
    if (!geteuid())
        ck_assert_int_eq(st.st_gid, 12345);
    ck_assert_str_eq(file.path, path);
    close(made.fd);
    local_remove(&file);
    ck_assert_int_eq(access(path, F_OK), -1);
    local_remove(&file);
}
END_TEST

START_TEST(only_what_nobody_listens_on_is_replaced)
{
    struct local_socket first;
    struct listener_socket theirs;
    char wanted[256];

    ck_assert_int_eq(make_at(path, -1), 0);
    first = file;
    theirs = made;
    ck_assert_int_eq(make_at(path, -1), -EADDRINUSE);
    snprintf(wanted, sizeof wanted, "the control socket %s is another daemon's, which runs", path);
    ck_assert_str_eq(why, wanted);
    ck_assert_int_eq(access(path, F_OK), 0);
    for (int i = 0; i < 20; i++) /* its backlog is full: it runs, though it does not answer */
        ck_assert_int_eq(make_at(path, -1), -EADDRINUSE);
    /* it crashed */
    close(theirs.fd);
    ck_assert_int_eq(make_at(path, -1), 0);
    local_remove(&first); /* its late end does not take ours away */
    ck_assert_int_eq(access(path, F_OK), file.inode == first.inode ? -1 : 0);
    close(made.fd);
    local_remove(&file);
    /* a file of somebody's */
    close(open(path, O_CREAT | O_WRONLY, 0600));
    ck_assert_int_eq(make_at(path, -1), -EEXIST);
    ck_assert_ptr_nonnull(strstr(why, "something else is there"));
    ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(paths_that_cannot_be)
{
    char longest[200];

    ck_assert_int_lt(make_at("/nonexistent/s", -1), 0);
    ck_assert_str_eq(why,
                     "cannot make the control socket /nonexistent/s: No such file or directory");
    snprintf(longest, sizeof longest, "%s/%0*d", folder, (int)(107 - strlen(folder) - 1), 0);
    ck_assert_uint_eq(strlen(longest), 107);
    ck_assert_msg(make_at(longest, -1) == 0, "%s", why);
    close(made.fd);
    ck_assert_str_eq(file.path, longest);
    local_remove(&file);
    strcat(longest, "0");
    ck_assert_int_eq(make_at(longest, -1), -ENAMETOOLONG);
    ck_assert_ptr_nonnull(strstr(why, "longer than 107 bytes"));
}
END_TEST

START_TEST(the_default_is_in_the_runtime_directory)
{
    char wanted[128];

    setenv("RUNTIME_DIRECTORY", folder, 1);
    ck_assert_msg(make_at(NULL, -1) == 0, "%s", why);
    snprintf(wanted, sizeof wanted, "%s/parley.sock", folder);
    ck_assert_str_eq(file.path, wanted);
    close(made.fd);
    local_remove(&file);
    chmod(folder, 0777);
    ck_assert_int_lt(make_at(NULL, -1), 0);
    ck_assert_ptr_nonnull(strstr(why, "may be written to by other users"));
    chmod(folder, 0700);
}
END_TEST

/* --- the connections --- */

static int serve_who(struct http_request *q, void *context)
{
    (void)context;
    buf_addf(&q->answer, "\"%s %d\"", q->address.p, q->local);
    q->status = 200;
    return 0;
}

/* The admin's net with the control socket as its only one, or beside an address. */
static void start_local(int64_t group, bool tls)
{
    const struct http_route route = {HTTP_GET, "/who", false, true, "admin", serve_who, NULL};
    struct listener_socket *sockets = calloc(1, sizeof *sockets);
    struct net_options o = {.loop = &srv.loop, .settings = &srv.settings, .actor = &srv.control};

    log_setup(getenv("VERBOSE") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, 2);
    net_setup_logging();
    ck_assert_int_eq(loop_init(&srv.loop, false), 0);
    srv.admin = true;
    srv.actor = &srv.control;
    srv.control.name = "test";
    srv.control.domain = DOMAIN_CONTROL;
    srv.control.on_mail = on_mail;
    loop_add(&srv.loop, srv.actor);
    srv.admission = admission_new(&srv.settings.server);
    srv.routes = http_routes_new();
    ck_assert_int_eq(http_routes_add(srv.routes, &route), 0);
    ck_assert_msg(make_at(path, group) == 0, "%s", why);
    sockets[0] = made;
    if (tls) {
        make_certificate();
        o.tls_certificate = srv.certificate;
        o.tls_key = srv.key;
    }
    o.admission = srv.admission;
    o.routes = srv.routes;
    o.sockets = sockets;
    o.socket_count = 1;
    srv.net = net_new(&o, why);
    ck_assert_msg(srv.net != NULL, "%s", why);
    net_start(srv.net);
    ck_assert_int_eq(loop_start(&srv.loop, "test"), 0);
    srv.started = true;
}

static int dial_local(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct timeval most = {.tv_sec = 60};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    return connect(fd, (struct sockaddr *)&a, sizeof a) == 0 ? fd : -1;
}

#define WHO "GET /who HTTP/1.1\r\nHost: x\r\n\r\n"
static void is_let_in(void)
{
    char wanted[32];
    int fd = dial_local();

    snprintf(wanted, sizeof wanted, "\"uid %u 1\"", (unsigned)geteuid());
    for (int i = 0; i < 3; i++) { /* kept alive */
        put(fd, WHO);
        ck_assert_int_eq(status_of(get_until(fd, wanted)), 200);
    }
    close(fd);
}

START_TEST(no_token_is_needed)
{
    start_local(-1, false);
    is_let_in();
    EVENTUALLY(net_idle(srv.net));
    stop();
    local_remove(&file);
}
END_TEST

START_TEST(tls_is_for_addresses)
{
    start_local(-1, true);
    is_let_in();
    stop();
    local_remove(&file);
}
END_TEST

START_TEST(a_full_server_lets_the_operator_in)
{
    srv.settings.server.connections = 1;
    srv.settings.server.connections_per_address = 1;
    start_local(-1, false);
    ck_assert_int_eq(admission_connect(srv.admission), ADMIT_OK);
    ck_assert_int_ne(admission_connect(srv.admission), ADMIT_OK);
    is_let_in();
    EVENTUALLY(net_idle(srv.net));
    ck_assert_int_ne(admission_connect(srv.admission), ADMIT_OK); /* and gave nothing back */
    stop();
    local_remove(&file);
}
END_TEST

START_TEST(their_number_is_bounded)
{
    int fds[70], refused = 0;
    char c;

    start_local(-1, false);
    for (int i = 0; i < 70; i++) {
        fds[i] = dial_local();
        ck_assert_int_ge(fds[i], 0);
    }
    for (int i = 64; i < 70; i++)
        refused += recv(fds[i], &c, 1, 0) == 0;
    ck_assert_int_eq(refused, 6);
    for (int i = 0; i < 70; i++)
        close(fds[i]);
    EVENTUALLY(net_idle(srv.net));
    is_let_in();
    stop();
    local_remove(&file);
}
END_TEST

/* What a child of another user is told; he needs a file that he may open at all. */
static const char *told_as(uid_t uid, gid_t gid, gid_t more)
{
    int pipes[2];
    pid_t child;

    chmod(folder, 0755);
    chmod(path, 0666);
    ck_assert_int_eq(pipe(pipes), 0);
    child = fork();
    if (child == 0) {
        if (setgroups(more ? 1 : 0, &more) || setgid(gid) || setuid(uid))
            _exit(1);
        int fd = dial_local();
        if (fd < 0 || send(fd, WHO, strlen(WHO), MSG_NOSIGNAL) < 0)
            _exit(1);
        const char *text = get_until(fd, "\n\"");
        _exit(write(pipes[1], text, strlen(text)) < 0);
    }
    close(pipes[1]);
    ssize_t n = read(pipes[0], answer_text, sizeof answer_text - 1);
    answer_text[n > 0 ? n : 0] = 0;
    close(pipes[0]);
    waitpid(child, NULL, 0);
    return answer_text;
}

START_TEST(the_kernel_says_who_it_is)
{
    if (geteuid()) /* only root can be somebody else */
        return;
    start_local(4711, false);
    ck_assert_int_eq(status_of(told_as(1234, 1234, 0)), 403);
    ck_assert_ptr_nonnull(strstr(answer_text, "You (uid 1234) may not control this server"));
    ck_assert_int_eq(status_of(told_as(1234, 1234, 4712)), 403);
    ck_assert_int_eq(status_of(told_as(1234, 4711, 0)), 200);
    ck_assert_int_eq(status_of(told_as(1234, 1234, 4711)), 200);
    ck_assert_double_ge(metric_find("refusals", PARLEY_STR("control_user")), 2);
    stop();
    local_remove(&file);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net/local");
    TCase *t = tcase_create("local");
    SRunner *r;
    int failed;

    suite_add_tcase(s, t);
    tcase_add_checked_fixture(t, begin, end);
    tcase_set_timeout(t, 20);
    tcase_add_test(t, the_file_is_of_those_who_may);
    tcase_add_test(t, only_what_nobody_listens_on_is_replaced);
    tcase_add_test(t, paths_that_cannot_be);
    tcase_add_test(t, the_default_is_in_the_runtime_directory);
    tcase_add_test(t, no_token_is_needed);
    tcase_add_test(t, tls_is_for_addresses);
    tcase_add_test(t, a_full_server_lets_the_operator_in);
    tcase_add_test(t, their_number_is_bounded);
    tcase_add_test(t, the_kernel_says_who_it_is);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
