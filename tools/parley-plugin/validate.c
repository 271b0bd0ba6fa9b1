#include "tool.h"
int command_validate(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return 0;
}
