/* store/store_open and store/database: what is opened, what is refused and in which words. */
#include "store_test.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/wait.h>

static void start(void)
{
    make_folder();
}

static void stop(void)
{
    close_store();
    remove_folder();
}

static void execute(const char *sql)
{
    sqlite3 *db;
    char *error = NULL;

    ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
    sqlite3_exec(db, sql, NULL, NULL, &error);
    ck_assert_msg(error == NULL, "%s", error);
    sqlite3_close(db);
}

static void refused(int error, const char *words)
{
    struct store_options o = options_of(file);
    struct store *other = NULL;

    why[0] = '\0';
    ck_assert_int_eq(store_open(&o, &other, why), error);
    ck_assert_ptr_null(other);
    ck_assert_msg(strstr(why, words) != NULL, "'%s' does not say '%s'", why, words);
    ck_assert_msg(strstr(why, "parley.db") != NULL, "'%s' does not name the file", why);
}

static unsigned mode_of(const char *name)
{
    struct stat st;

    ck_assert_int_eq(stat(name, &st), 0);
    return st.st_mode & 07777;
}

START_TEST(a_new_file_is_ours_alone)
{
    char wal[128];

    umask(0);
    open_store(file);
    store_add(x, 1, "n");
    sync_store();
    snprintf(wal, sizeof wal, "%s-wal", file);
    ck_assert_uint_eq(mode_of(file), 0600);
    ck_assert_uint_eq(mode_of(wal), 0600);
    close_store();
    ck_assert_int_ne(access(wal, F_OK), 0); /* one file is left, to be copied */
    ck_assert_int_eq(chmod(file, 0644), 0);
    open_store(file);
    ck_assert_uint_eq(mode_of(file), 0600);
    ck_assert_str_eq(json(x, "n"), "1");
}
END_TEST

START_TEST(what_is_not_there_or_not_a_file)
{
    strcat(folder, "x");
    snprintf(file, sizeof file, "%s/parley.db", folder);
    refused(-ENOENT, "cannot be opened: No such file");
    ck_assert_int_eq(store_check(file, why), -ENOTDIR);
    ck_assert_ptr_nonnull(strstr(why, "there is no folder"));
    folder[strlen(folder) - 1] = '\0';
    snprintf(file, sizeof file, "%s/parley.db", folder);
    ck_assert_int_eq(store_check(file, why), 0);
    ck_assert_int_eq(mkdir(file, 0700), 0);
    refused(-EISDIR, "cannot be opened: Is a directory");
    ck_assert_int_eq(store_check(file, why), -EACCES);
    ck_assert_int_eq(rmdir(file), 0);
    ck_assert_int_eq(mkfifo(file, 0600), 0);
    refused(-EINVAL, "is not a file");
}
END_TEST

START_TEST(a_folder_that_cannot_be_written)
{
    int status;

    ck_assert_int_eq(chmod(folder, 0500), 0);
    if (fork() == 0) { /* root may do everything */
        if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
            _exit(2);
        _exit(store_check(file, why) == -EACCES && strstr(why, "cannot be written") ? 0 : 1);
    }
    wait(&status);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(chmod(folder, 0700), 0);
}
END_TEST

START_TEST(what_is_no_database_of_ours)
{
    FILE *f = fopen(file, "w");

    for (int i = 0; i < 1000; i++)
        fputs("this is a text file\n", f);
    fclose(f);
    refused(-EINVAL, "is no database");
    ck_assert_int_eq(unlink(file), 0);
    execute("CREATE TABLE a (b)");
    refused(-EINVAL, "is a database of something else");
    execute("PRAGMA application_id = 5");
    refused(-EINVAL, "is a database of something else");
}
END_TEST

START_TEST(a_newer_version)
{
    open_store(file);
    store_add(x, 1, "n");
    close_store();
    execute("PRAGMA user_version = 2");
    refused(-EINVAL, "has version 2, written by another parleyd; this one knows version 1");
    execute("PRAGMA user_version = 1");
    open_store(file);
    ck_assert_str_eq(json(x, "n"), "1");
}
END_TEST

START_TEST(another_process_uses_it)
{
    int status;

    open_store(file);
    store_add(x, 1, "n");
    sync_store();
    if (fork() == 0) {
        struct store_options o = options_of(file);
        struct store *other;

        _exit(store_open(&o, &other, why) == -EBUSY && strstr(why, "in use by another process")
                  ? 0
                  : 1);
    }
    wait(&status);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(store_add(x, 1, "n"), 2);
    sync_store();
}
END_TEST

/* A page of the file is overwritten, each in turn: it is refused, or whole. */
START_TEST(a_damaged_file)
{
    char key[16], page[4096];
    struct stat st;
    int damaged = 0;
    FILE *f;

    open_store(file);
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "%d", i);
        put(x, key, "text", "some more, so that it fills some pages, one after the other");
    }
    close_store();
    stat(file, &st);
    ck_assert_int_ge(st.st_size, 5 * 4096);
    for (long at = 0; at < st.st_size; at += 4096) {
        char before[4096];
        struct store_options o = options_of(file);
        struct store *other = NULL;

        f = fopen(file, "r+");
        fseek(f, at, SEEK_SET);
        ck_assert_uint_eq(fread(before, 1, sizeof before, f), sizeof before);
        memset(page, 0x5a, sizeof page);
        fseek(f, at, SEEK_SET);
        fwrite(page, 1, sizeof page, f);
        fclose(f);
        if (store_open(&o, &other, why) < 0) {
            damaged++;
            ck_assert_msg(strstr(why, "is damaged") || strstr(why, "is no database"), "%s", why);
        }
        store_close(other);
        f = fopen(file, "r+");
        fseek(f, at, SEEK_SET);
        fwrite(before, 1, sizeof before, f);
        fclose(f);
    }
    ck_assert_int_ge(damaged, (int)(st.st_size / 4096) - 2);
    open_store(file);
    ck_assert_ptr_nonnull(store_get(x, "299"));
}
END_TEST

START_TEST(a_record_that_is_none)
{
    struct store_options o = options_of(file);
    static const char *const bad[] = {
        "INSERT INTO record VALUES ('x', 'k', '{\"a\":', NULL)",
        "INSERT INTO record VALUES ('x', '', 1, NULL)",
        "INSERT INTO record VALUES ('x', 'k', x'0102', NULL)",
        "INSERT INTO timer VALUES ('x', '', 1)",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        open_store(file);
        close_store();
        execute(bad[i]);
        ck_assert_int_eq(store_open(&o, &s, why), 0);
        ck_assert_int_eq(store_section(s, "y", &x, why), 0); /* of no interest to others */
        ck_assert_int_eq(store_section(s, "x", &x, why), -EIO);
        ck_assert_ptr_nonnull(strstr(why, "of the section 'x' is not what was written"));
        close_store();
        execute("DELETE FROM record; DELETE FROM timer");
    }
}
END_TEST

START_TEST(expired_records_leave_the_disk)
{
    sqlite3 *db;
    sqlite3_stmt *q;

    open_store(file);
    store_add(x, 1, "gone");
    store_expire(x, 1000, "gone");
    store_add(x, 1, "stays");
    close_store();
    clock_set_ms(5000);
    open_store(file);
    ck_assert_ptr_null(store_get(x, "gone"));
    close_store();
    ck_assert_int_eq(sqlite3_open(file, &db), SQLITE_OK);
    sqlite3_prepare_v2(db, "SELECT group_concat(key) FROM record", -1, &q, NULL);
    ck_assert_int_eq(sqlite3_step(q), SQLITE_ROW);
    ck_assert_str_eq((const char *)sqlite3_column_text(q, 0), "stays");
    sqlite3_finalize(q);
    sqlite3_close(db);
}
END_TEST

int main(void)
{
    TCase *t = tcase_create("open");

    tcase_add_test(t, a_new_file_is_ours_alone);
    tcase_add_test(t, what_is_not_there_or_not_a_file);
    tcase_add_test(t, a_folder_that_cannot_be_written);
    tcase_add_test(t, what_is_no_database_of_ours);
    tcase_add_test(t, a_newer_version);
    tcase_add_test(t, another_process_uses_it);
    tcase_add_test(t, a_damaged_file);
    tcase_add_test(t, a_record_that_is_none);
    tcase_add_test(t, expired_records_leave_the_disk);
    return run_suite("store/open", t, start, stop);
}
