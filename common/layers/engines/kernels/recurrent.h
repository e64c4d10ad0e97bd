/* Interface between the computation and its registration with TensorFlow. */

#ifndef RECURRENT_H
#define RECURRENT_H

#include "vectors.h"

/* One call of an operation; threads share its sequences. */
typedef struct {
  int64_t batch, time, units;
  int gates, reverse, failed;
  const unsigned char *mask; /* (B, T) */
  Packed weights;            /* forward: recurrent weights; backward: their transpose */
  const float *projected;    /* (B, T, gates * U): inputs times input weights plus bias */
  const float *bias;         /* (3 * U) of the GRU's recurrent product */
  const float *first_state, *first_cell; /* (B, U) */
  float *states, *cells;                 /* (B, T, U) */
  float *activations;        /* (B, T, 4 * U): LSTM i f g o; GRU z r candidate, recurrent part of candidate */
  const float *d_states;     /* (B, T, U) */
  float *d_state, *d_cell;   /* (B, U): after the last step on entry, before the first on return */
  float *d_projected;        /* (B, T, gates * U) */
  float *d_recurrent;        /* GRU: (B, T, 3 * U), of the product of state and recurrent weights */
} Call;

/* Fill states, cells and activations. `weights` are the recurrent ones (U, gates * U). */
void run_forward(Call *call, const float *weights, int64_t threads);

/* Fill d_projected and d_recurrent; d_state and d_cell go from after the last step to before the first. */
void run_backward(Call *call, const float *weights, int64_t threads);

#endif
