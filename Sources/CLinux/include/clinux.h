// What Glibc's Swift module leaves out, as static inline functions.
#ifndef POSTERN_CLINUX_H
#define POSTERN_CLINUX_H
#endif
