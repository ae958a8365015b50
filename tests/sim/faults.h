/* faults.h - what goes wrong in a world, when and for how long. */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

struct world;

void faults_next(
    struct world *w); /* one of those that the climate knows, and when the next comes */
void faults_empty(struct world *w); /* Redis restarts empty once more */
void faults_end(struct world *w);   /* all is repaired, and stays so */

#endif
