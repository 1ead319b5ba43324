// uml-modprobe.c: runs in place of modprobe(8) in a User Mode Linux (kernel.modprobe), without any library.
//
// The kernel requests a module for the name of every network device that is looked up and does not exist. Open vSwitch looks up
// each of its devices before it makes it: for two of them the kernel starts modprobe eight times.
// That takes a machine a millisecond, and such a kernel 35 ms, most of it to load modprobe's libraries. So this program itself
// answers for names that no module has, and runs modprobe for all others.
#if !defined(__x86_64__)
// User Mode Linux runs on x86 only.
void _start(void) {}
#else
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

// modprobe is a link to kmod(8), which acts by the name that it is started with.
static char modprobe[] = "/sbin/modprobe";

static long call(long number, long first, long second, long third)
{
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(first), "S"(second), "d"(third)
                     : "rcx", "r11", "memory");
    return result;
}

static char *append(char *to, const char *text)
{
    while ((*to = *text++))
        to++;
    return to;
}

// Module names do not distinguish '-' and '_'.
static char normal(char c)
{
    return c == '-' ? '_' : c;
}

// Whether a list of modules has the name as a whole word, or a pattern whose literal beginning matches it; also if it is
// unreadable.
static int may_have(const char *list, const char *name)
{
    static char part[16 * 1024];
    int matched = 0, matches = 1;
    long file = call(SYS_open, (long)list, O_RDONLY, 0), length;
    if (file < 0)
        return 1;
    while ((length = call(SYS_read, file, (long)part, sizeof part)) > 0) {
        for (long i = 0; i < length; i++) {
            char c = part[i];
            // These end a word; after a '.' comes only a file's suffix (dummy.ko).
            if (c == ' ' || c == '\n' || c == '/' || c == '.') {
                if (matches && matched && !name[matched])
                    return 1;
                matches = c != '.';
                matched = 0;
            } else if (matches) {
                if (c == '*' || c == '[' || c == '?')
                    return 1;
                matches = name[matched] && normal(c) == normal(name[matched]);
                matched++;
            }
        }
    }
    return length < 0;
}

static int is_known(const char *name)
{
    static const char *const lists[] = { "modules.alias", "modules.dep", "modules.builtin" };
    struct utsname kernel;
    if (call(SYS_uname, (long)&kernel, 0, 0) != 0)
        return 1;
    for (unsigned i = 0; i < sizeof lists / sizeof *lists; i++) {
        char path[sizeof "/lib/modules//modules.builtin" + sizeof kernel.release];
        append(append(append(append(path, "/lib/modules/"), kernel.release), "/"), lists[i]);
        if (may_have(path, name))
            return 1;
    }
    return 0;
}

// The stack at entry: argc, argv, a null pointer, the environment.
__attribute__((used)) static void begin(long *stack)
{
    char **arguments = (char **)(stack + 1);
    // The kernel runs: modprobe -q -- NAME.
    if (stack[0] != 4 || is_known(arguments[3])) {
        arguments[0] = modprobe;
        call(SYS_execve, (long)modprobe, (long)arguments, (long)(arguments + stack[0] + 1));
    }
    call(SYS_exit_group, 1, 0, 0);
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call begin\n");
#endif
