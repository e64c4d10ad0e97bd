/* One call of an operation: what the code that computes and the code that speaks to TensorFlow share. */

#ifndef RECURRENT_H
#define RECURRENT_H

#include "vectors.h"

/* One call of an operation; threads share its sequences. */
typedef struct {
  int64_t batch, time, units;
  int gates, reverse, failed;
  const unsigned char *mask; /* (B, T) */
  Packed weights;            /* forward: recurrent weights; backward: their transpose */
  const float *projected;    /* (B, T, gates * U): inputs times input weights, plus bias */
  const float *bias;         /* (3 * U) of the GRU's recurrent side */
  const float *first_state, *first_cell; /* (B, U) */
  float *states, *cells;                 /* (B, T, U) */
  float *kept;               /* (B, T, 4 * U): LSTM i f g o; GRU z r candidate, recurrent side of candidate */
  const float *d_states;     /* (B, T, U) */
  float *d_state, *d_cell;   /* (B, U): after the last step on entry, before the first on return */
  float *d_projected;        /* (B, T, gates * U) */
  float *d_recurrent;        /* GRU: (B, T, 3 * U), of what the state times the recurrent weights gave */
} Call;

/* Fill states, cells and kept. `weights` are the recurrent ones (U, gates * U). */
void run_forward(Call *call, const float *weights, int64_t threads);

/* Fill d_projected and d_recurrent; d_state and d_cell go from the last step to before the first. */
void run_backward(Call *call, const float *weights, int64_t threads);

#endif
