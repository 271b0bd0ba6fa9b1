/* @NAME@: lets in who knows the password, under the name that he asks for: ?name=ann&password=...
 *
 * check runs on many threads at once, in the middle of a handshake: options are all that it has.
 */
#include <parley/auth.h>

struct options { const char *password; };
static const parley_field options[] = {
    PARLEY_OPTION("password", PARLEY_STRING, struct options, password, "8..200", NULL, PARLEY_REQUIRED | PARLEY_SECRET, "What all who may come in know"),
};

/* In the same time, however much of it was guessed. */
static bool is_same(parley_str given, const char *wanted)
{
    size_t n = strlen(wanted);
    unsigned char differ = given.n != n;

    for (size_t i = 0; i < given.n; i++)
        differ |= (unsigned char)(given.p[i] ^ wanted[i % n]);
    return differ == 0;
}

static parley_answer_at_door check(parley_host *h, const void *snapshot, parley_login *l)
{
    const struct options *o = parley_options(h, PARLEY_NONE);
    parley_str name = parley_login_query(l, "name"), password = parley_login_query(l, "password");
    parley_identity who;

    (void)snapshot;
    if (!name.p || !password.p) /* he wants to prove himself in another way */
        return PARLEY_NOT_MINE;
    if (!is_same(password, o->password))
        return parley_login_refuse(l, "The password is wrong.");
    memset(&who, 0, sizeof who);
    who.struct_size = sizeof who;
    who.user = who.username = name; /* the server refuses a name that nobody should have */
    return parley_login_admit(l, &who);
}

static const parley_auth auth = {.struct_size = sizeof auth, .check = check};
static const parley_provided provides[] = {{"parley.auth/1", &auth}};
PARLEY_PLUGIN = {
    .preamble = PARLEY_PREAMBLE, .id = "org.example.@NAME@", .version = "0.1.0", .doc = "Lets in who knows the password",
    .options_size = sizeof(struct options), .options = PARLEY_TABLE(options), .provides = PARLEY_TABLE(provides)};
