/* faults.h - what is wrong with the settings: a bounded list of lines, one for each fault.
 *
 * Inner header of config; config.h has what programs use. One thread. */
#ifndef CONFIG_FAULTS_H
#define CONFIG_FAULTS_H

#include "config/config.h"

struct draft;

enum { FAULTS_MAX = 100 }; /* what comes after is counted in the last line */

struct config_faults *faults_new(void) MUST_CHECK;

/* Notes "WHERE: text"; `where` may be NULL. */
void faults_add(struct config_faults *f, const char *where, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Where config_fault finds the places of settings; NULL: it names none. Borrowed. */
void faults_know_places(struct config_faults *f, const struct draft *draft);

#endif
