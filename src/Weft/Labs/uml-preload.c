// uml-preload.c: stands before the C library in a User Mode Linux (LD_PRELOAD).
//
// ptrace(): User Mode Linux 6.1 gives a process its floating point state back in a buffer that has no room for AMX. The
// machine's kernel takes nothing but the whole state (EFAULT: xstateregs_set in its arch/x86/kernel/fpu/regset.c), so that
// on a processor with AMX not even init would start. What the buffer lacks is added here from the state that the process has.
//
// It gives it back before each step of the process, whether or not somebody changed it: a fifth of what a system call takes. What
// the process has already is not given again.
//
// clock_gettime(): Open vSwitch 3.1 that starts within ten seconds of its kernel loses packets. Rather than that a host waits
// for them to pass, its kernel finds that WEFT_UPTIME seconds have passed when it starts its first process.
//
// A kernel and the processes in it take turns, each a process of the machine's: for every page that is touched for the first
// time, and every system call, one wakes the other. Across processors that takes several times as long, and the machine's
// scheduler moves whoever is woken to an idle one. So all of a host stay on one processor: number WEFT_PROCESSOR of those that
// it may use, counted round.
#if defined(__x86_64__)
// There is no User Mode Linux on other machines.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <time.h>

// The whole state has 11 kB with AMX. Not on the stack, which has little room in that kernel; it runs one thread.
static char whole[64 * 1024];

static long (*next_ptrace)(enum __ptrace_request, ...);
static int (*next_clock_gettime)(clockid_t, struct timespec *);
static long uptime;
static int has_process;

static void stay_on_one_processor(int number)
{
    cpu_set_t allowed, one;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0)
        return;
    number %= CPU_COUNT(&allowed);
    for (int processor = 0; processor < CPU_SETSIZE; processor++) {
        if (CPU_ISSET(processor, &allowed) && number-- == 0) {
            CPU_ZERO(&one);
            CPU_SET(processor, &one);
            // Where that is not allowed it is only slower.
            sched_setaffinity(0, sizeof one, &one);
            return;
        }
    }
}

__attribute__((constructor)) static void begin(void)
{
    next_ptrace = dlsym(RTLD_NEXT, "ptrace");
    next_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
    const char *given = getenv("WEFT_UPTIME");
    uptime = given ? atol(given) : 0;
    const char *processor = getenv("WEFT_PROCESSOR");
    if (processor)
        stay_on_one_processor(atoi(processor));
}

// What is known of the floating point state of a process: the last that was taken from it or given to it, as long as it has
// executed nothing of its own since.
static struct known {
    pid_t pid;
    enum __ptrace_request last;
    // As many bytes as there were room for, and as there were; 0 if nothing is known.
    size_t room, length;
    char state[4096];
} all_known[256];

static struct known *known_of(pid_t pid)
{
    struct known *known = &all_known[(unsigned)pid % (sizeof all_known / sizeof *all_known)];
    if (known->pid != pid) {
        known->pid = pid;
        known->length = 0;
    }
    return known;
}

// Gives a process a state that may lack what is the last in the machine's.
static long give_state(pid_t pid, const struct iovec *part)
{
    long result = next_ptrace(PTRACE_SETREGSET, pid, (void *)NT_X86_XSTATE, part);
    if (result == 0 || errno != EFAULT)
        return result;

    struct iovec all = { whole, sizeof whole };
    if (next_ptrace(PTRACE_GETREGSET, pid, (void *)NT_X86_XSTATE, &all) != 0 || part->iov_len >= all.iov_len) {
        errno = EFAULT;
        return result;
    }
    memcpy(whole, part->iov_base, part->iov_len);
    return next_ptrace(PTRACE_SETREGSET, pid, (void *)NT_X86_XSTATE, &all);
}

long ptrace(enum __ptrace_request request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    pid_t pid = va_arg(arguments, pid_t);
    void *address = va_arg(arguments, void *);
    void *data = va_arg(arguments, void *);
    va_end(arguments);

    struct known *known = known_of(pid);
    enum __ptrace_request last = known->last;
    known->last = request;
    switch (request) {
    case PTRACE_GETREGS:
    case PTRACE_GETSIGINFO:
    case PTRACE_SETREGS:
        break;
    case PTRACE_CONT:
        // After the other registers were set: a list of system calls, in assembler, that changes the process's memory.
        if (last != PTRACE_SETREGS || data)
            known->length = 0;
        break;
    case PTRACE_GETREGSET:
    case PTRACE_SETREGSET:
        if ((long)address == NT_X86_XSTATE) {
            struct iovec *state = data;
            size_t room = state->iov_len;
            int same = known->length && known->room == room;
            // A process is given its state for the first time.
            has_process |= request == PTRACE_SETREGSET;
            if (same && request == PTRACE_GETREGSET) {
                memcpy(state->iov_base, known->state, known->length);
                state->iov_len = known->length;
                return 0;
            }
            if (same && memcmp(state->iov_base, known->state, known->length) == 0)
                return 0;
            long result = request == PTRACE_GETREGSET ? next_ptrace(request, pid, address, data) : give_state(pid, state);
            known->length = result == 0 && state->iov_len <= sizeof known->state ? state->iov_len : 0;
            known->room = room;
            memcpy(known->state, state->iov_base, known->length);
            return result;
        }
        break;
    default:
        known->length = 0;
    }
    return next_ptrace(request, pid, address, data);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int result = next_clock_gettime(clock, now);
    if (result == 0 && clock == CLOCK_MONOTONIC && has_process)
        now->tv_sec += uptime;
    // It asks for the date before that, and counts on from there.
    if (result == 0 && clock == CLOCK_REALTIME && !has_process)
        now->tv_sec -= uptime;
    return result;
}
#endif
