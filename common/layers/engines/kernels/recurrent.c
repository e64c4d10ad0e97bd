/* LSTM and GRU over whole sequences on a CPU, for training: TensorFlow operations in C.

   A loop of TensorFlow operations launches about fifteen of them at every time step, and synchronises all
   cores at every step. Here a thread takes some sequences of the batch through all time steps independently;
   the weights are packed once in the order in which they are read; activation functions are applied while
   the products are still in registers; and masked steps cost nothing.

   The products with the inputs, and all gradients of weights, are single large products and stay outside.

   B sequences, T steps, U units; arrays are (batch, time, features). A masked step leaves the state
   unchanged. The LSTM has four gates, in the order of Keras, i f g o; the GRU three: z r candidate. */
#include <pthread.h>

#include "recurrent.h"

static Packed new_packed(int64_t depth, int64_t gates, int64_t blocks) {
  return (Packed){calloc(blocks * depth * gates * LANES, sizeof(float)), depth, gates};
}

static int64_t blocks_of(int64_t columns, int64_t width) { return (columns + width - 1) / width; }

/* Recurrent weights (units, gates * units). The LSTM's four gates are packed two at a time, as two blocks. */
static Packed pack(const float *weights, int64_t units, int64_t gates) {
  int64_t together = gates == 4 ? 2 : gates;
  Packed packed = new_packed(units, together, blocks_of(units, LANES) * gates / together);
  float *to = packed.numbers;
  if (!to) return packed;
  for (int64_t unit = 0; unit < units; unit += LANES)
    for (int64_t first = 0; first < gates; first += together)
      for (int64_t k = 0; k < units; k++)
        for (int64_t gate = first; gate < first + together; gate++, to += LANES)
          store(to, load(weights + (k * gates + gate) * units + unit, units - unit), LANES);
  return packed;
}

/* The transpose of weights (columns, depth), with two blocks of columns in place of two gates. */
static Packed pack_transposed(const float *weights, int64_t columns, int64_t depth) {
  Packed packed = new_packed(depth, 2, blocks_of(columns, 2 * LANES));
  if (!packed.numbers) return packed;
  for (int64_t column = 0; column < columns; column++) {
    float *to = packed.numbers + column / (2 * LANES) * depth * 2 * LANES + column % (2 * LANES);
    for (int64_t k = 0; k < depth; k++) to[k * 2 * LANES] = weights[column * depth + k];
  }
  return packed;
}

/* Index into (B * T) of the step-th time step of a sequence, in the direction of processing. */
INLINE int64_t position(const Call *call, int64_t sequence, int64_t step) {
  return sequence * call->time + (call->reverse ? call->time - 1 - step : step);
}

INLINE const float *before(const Call *call, const float *first, const float *all, int64_t sequence,
                           int64_t step) {
  return step == 0 ? first + sequence * call->units : all + position(call, sequence, step - 1) * call->units;
}

/* LSTM: c = f c' + i g, h = o tanh(c), for some rows and LANES units. */
INLINE void lstm_tile(const Call *call, int rows, const int64_t *sequences, const float *factors, int64_t step,
                      int64_t unit) {
  int64_t U = call->units, count = U - unit;
  vector input_forget[REGISTERS], candidate_output[REGISTERS];
#pragma GCC unroll 16
  for (int row = 0; row < rows; row++) {
    const float *projected = call->projected + position(call, sequences[row], step) * 4 * U + unit;
    input_forget[row * 2] = load(projected, count);
    input_forget[row * 2 + 1] = load(projected + U, count);
  }
  product(input_forget, rows, 2, factors, call->weights, unit / LANES * 2);
#pragma GCC unroll 16
  for (int row = 0; row < rows; row++) {
    const float *projected = call->projected + position(call, sequences[row], step) * 4 * U + unit;
    candidate_output[row * 2] = load(projected + 2 * U, count);
    candidate_output[row * 2 + 1] = load(projected + 3 * U, count);
  }
  product(candidate_output, rows, 2, factors, call->weights, unit / LANES * 2 + 1);
  for (int row = 0; row < rows; row++) {
    int64_t here = position(call, sequences[row], step);
    vector c_before = load(before(call, call->first_cell, call->cells, sequences[row], step) + unit, count);
    vector i = sigmoid(input_forget[row * 2]), f = sigmoid(input_forget[row * 2 + 1]);
    vector g = hyperbolic_tangent(candidate_output[row * 2]), o = sigmoid(candidate_output[row * 2 + 1]);
    vector c = f * c_before + i * g;
    float *activations = call->activations + here * 4 * U + unit;
    store(activations, i, count);
    store(activations + U, f, count);
    store(activations + 2 * U, g, count);
    store(activations + 3 * U, o, count);
    store(call->cells + here * U + unit, c, count);
    store(call->states + here * U + unit, o * hyperbolic_tangent(c), count);
  }
}

/* GRU: candidate = tanh(x + r (h' W + b)), h = z h' + (1 - z) candidate, for some rows and LANES units. */
INLINE void gru_tile(const Call *call, int rows, const int64_t *sequences, const float *factors, int64_t step,
                     int64_t unit) {
  int64_t U = call->units, count = U - unit;
  vector recurrent[REGISTERS];
#pragma GCC unroll 16
  for (int row = 0; row < rows; row++)
#pragma GCC unroll 3
    for (int gate = 0; gate < 3; gate++)
      recurrent[row * 3 + gate] = load(call->bias + gate * U + unit, count);
  product(recurrent, rows, 3, factors, call->weights, unit / LANES);
#pragma GCC unroll 16
  for (int row = 0; row < rows; row++) {
    int64_t here = position(call, sequences[row], step);
    const float *projected = call->projected + here * 3 * U + unit;
    vector z = sigmoid(load(projected, count) + recurrent[row * 3]);
    vector r = sigmoid(load(projected + U, count) + recurrent[row * 3 + 1]);
    vector candidate = hyperbolic_tangent(load(projected + 2 * U, count) + r * recurrent[row * 3 + 2]);
    float *activations = call->activations + here * 4 * U + unit;
    store(activations, z, count);
    store(activations + U, r, count);
    store(activations + 2 * U, candidate, count);
    store(activations + 3 * U, recurrent[row * 3 + 2], count);
    vector h_before = load(factors + row * distance(U) + unit, count);
    store(call->states + here * U + unit, z * h_before + (1 - z) * candidate, count);
  }
}

/* Gradient of the LSTM's gates at one step of one sequence; d_cell is passed to the previous step. */
static void lstm_gates_backward(const Call *call, int64_t sequence, int64_t step) {
  int64_t U = call->units, here = position(call, sequence, step);
  const float *c_before = before(call, call->first_cell, call->cells, sequence, step);
  const float *activations = call->activations + here * 4 * U;
  float *d_state = call->d_state + sequence * U, *d_cell = call->d_cell + sequence * U;
  float *d_gates = call->d_projected + here * 4 * U;
  for (int64_t u = 0; u < U; u += LANES) {
    int64_t count = U - u;
    vector i = load(activations + u, count), f = load(activations + U + u, count);
    vector g = load(activations + 2 * U + u, count), o = load(activations + 3 * U + u, count);
    vector c = hyperbolic_tangent(load(call->cells + here * U + u, count));
    vector dh = load(d_state + u, count);
    vector dc = load(d_cell + u, count) + dh * o * (1 - c * c);
    store(d_gates + u, dc * g * i * (1 - i), count);
    store(d_gates + U + u, dc * load(c_before + u, count) * f * (1 - f), count);
    store(d_gates + 2 * U + u, dc * i * (1 - g * g), count);
    store(d_gates + 3 * U + u, dh * c * o * (1 - o), count);
    store(d_cell + u, dc * f, count);
    store(d_state + u, (vector){0}, count);
  }
}

/* Gradient of the GRU's gates at one step of one sequence; d_state keeps the part that flows through z. */
static void gru_gates_backward(const Call *call, int64_t sequence, int64_t step) {
  int64_t U = call->units, here = position(call, sequence, step);
  const float *h_before = before(call, call->first_state, call->states, sequence, step);
  const float *activations = call->activations + here * 4 * U;
  float *d_state = call->d_state + sequence * U;
  float *d_gates = call->d_projected + here * 3 * U, *d_recurrent = call->d_recurrent + here * 3 * U;
  for (int64_t u = 0; u < U; u += LANES) {
    int64_t count = U - u;
    vector z = load(activations + u, count), r = load(activations + U + u, count);
    vector candidate = load(activations + 2 * U + u, count), dh = load(d_state + u, count);
    vector dz = dh * (load(h_before + u, count) - candidate) * z * (1 - z);
    vector d_candidate = dh * (1 - z) * (1 - candidate * candidate);
    vector dr = d_candidate * load(activations + 3 * U + u, count) * r * (1 - r);
    store(d_gates + u, dz, count);
    store(d_gates + U + u, dr, count);
    store(d_gates + 2 * U + u, d_candidate, count);
    store(d_recurrent + u, dz, count);
    store(d_recurrent + U + u, dr, count);
    store(d_recurrent + 2 * U + u, d_candidate * r, count);
    store(d_state + u, dh * z, count);
  }
}

/* d_state += gradient of the recurrent products times the transposed weights, for two blocks of units. */
INLINE void state_tile(const Call *call, int rows, const int64_t *sequences, const float *factors, int64_t step,
                       int64_t unit) {
  int64_t U = call->units;
  vector sums[REGISTERS];
  (void)step;
#pragma GCC unroll 16
  for (int row = 0; row < rows; row++) {
    float *d_state = call->d_state + sequences[row] * U + unit;
    sums[row * 2] = load(d_state, U - unit);
    sums[row * 2 + 1] = U - unit > LANES ? load(d_state + LANES, U - unit - LANES) : (vector){0};
  }
  product(sums, rows, 2, factors, call->weights, unit / (2 * LANES));
#pragma GCC unroll 16
  for (int row = 0; row < rows; row++) {
    float *d_state = call->d_state + sequences[row] * U + unit;
    store(d_state, sums[row * 2], U - unit);
    if (U - unit > LANES) store(d_state + LANES, sums[row * 2 + 1], U - unit - LANES);
  }
}

/* Each number of rows is compiled separately, so that the sums stay in registers. */
#define TILES(NAME, TILE, GATES)                                                                            \
  static void NAME(const Call *call, int rows, const int64_t *sequences, const float *factors,              \
                   int64_t step, int64_t unit) {                                                            \
    switch (rows) {                                                                                         \
      case 1: TILE(call, 1, sequences, factors, step, unit); break;                                         \
      case 2: TILE(call, 2, sequences, factors, step, unit); break;                                         \
      case 3: TILE(call, 3, sequences, factors, step, unit); break;                                         \
      case 4: if (REGISTERS / GATES >= 4) TILE(call, 4, sequences, factors, step, unit); break;             \
      case 5: if (REGISTERS / GATES >= 5) TILE(call, 5, sequences, factors, step, unit); break;             \
      case 6: if (REGISTERS / GATES >= 6) TILE(call, 6, sequences, factors, step, unit); break;             \
      case 7: if (REGISTERS / GATES >= 7) TILE(call, 7, sequences, factors, step, unit); break;             \
      case 8: if (REGISTERS / GATES >= 8) TILE(call, 8, sequences, factors, step, unit); break;             \
      case 9: if (REGISTERS / GATES >= 9) TILE(call, 9, sequences, factors, step, unit); break;             \
      case 10: if (REGISTERS / GATES >= 10) TILE(call, 10, sequences, factors, step, unit); break;          \
      case 11: if (REGISTERS / GATES >= 11) TILE(call, 11, sequences, factors, step, unit); break;          \
      case 12: if (REGISTERS / GATES >= 12) TILE(call, 12, sequences, factors, step, unit); break;          \
    }                                                                                                       \
  }
TILES(lstm_rows, lstm_tile, 2)
TILES(gru_rows, gru_tile, 3)
TILES(state_rows, state_tile, 2)

/* Scratch space of a thread: the sequences unmasked at a step, and the row of factors of each. */
typedef struct {
  int64_t count, *sequences;
  float *factors;
} Work;

typedef void Tile(const Call *, int, const int64_t *, const float *, int64_t, int64_t);

static void add_work(const Call *call, Work *work, int64_t sequence, const float *numbers) {
  memcpy(work->factors + work->count * distance(call->weights.depth), numbers, call->weights.depth * 4);
  work->sequences[work->count++] = sequence;
}

/* Take all active sequences through one step, one block of weights at a time so that it stays in the cache. */
static void all_tiles(const Call *call, const Work *work, int64_t step, Tile *tile, int gates,
                      int64_t units_a_block) {
  int64_t most = REGISTERS / gates, apart = distance(call->weights.depth);
  for (int64_t unit = 0; unit < call->units; unit += units_a_block)
    for (int64_t row = 0; row < work->count; row += most)
      tile(call, work->count - row < most ? work->count - row : most, work->sequences + row,
           work->factors + row * apart, step, unit);
}

static void forward(const Call *call, int64_t first, int64_t last, Work *work) {
  int64_t U = call->units;
  for (int64_t step = 0; step < call->time; step++) {
    work->count = 0;
    for (int64_t b = first; b < last; b++) {
      int64_t here = position(call, b, step);
      const float *state = before(call, call->first_state, call->states, b, step);
      if (call->mask[here]) {
        add_work(call, work, b, state);
        continue;
      }
      memcpy(call->states + here * U, state, U * 4);
      if (call->cells)
        memcpy(call->cells + here * U, before(call, call->first_cell, call->cells, b, step), U * 4);
    }
    if (call->gates == 4)
      all_tiles(call, work, step, lstm_rows, 2, LANES);
    else
      all_tiles(call, work, step, gru_rows, 3, LANES);
  }
}

static void backward(const Call *call, int64_t first, int64_t last, Work *work) {
  int64_t U = call->units, width = call->gates * U;
  for (int64_t step = call->time - 1; step >= 0; step--) {
    work->count = 0;
    for (int64_t b = first; b < last; b++) {
      int64_t here = position(call, b, step);
      for (int64_t u = 0; u < U; u++) call->d_state[b * U + u] += call->d_states[here * U + u];
      if (!call->mask[here]) {
        memset(call->d_projected + here * width, 0, width * 4);
        if (call->d_recurrent) memset(call->d_recurrent + here * width, 0, width * 4);
      } else if (call->gates == 4) {
        lstm_gates_backward(call, b, step);
        add_work(call, work, b, call->d_projected + here * width);
      } else {
        gru_gates_backward(call, b, step);
        add_work(call, work, b, call->d_recurrent + here * width);
      }
    }
    all_tiles(call, work, step, state_rows, 2, 2 * LANES);
  }
}

typedef void Part(const Call *, int64_t, int64_t, Work *);

typedef struct {
  Call *call;
  Part *part;
  int64_t first, last;
} Share;

static void *run_share(void *argument) {
  Share *share = argument;
  int64_t sequences = share->last - share->first;
  Work work = {.sequences = malloc((sequences + 1) * sizeof(int64_t)),
               .factors = malloc((sequences + 1) * distance(share->call->weights.depth) * sizeof(float))};
  if (work.sequences && work.factors)
    share->part(share->call, share->first, share->last, &work);
  else
    share->call->failed = 1;
  free(work.sequences);
  free(work.factors);
  return NULL;
}

/* Distribute the sequences evenly over threads; results do not depend on the number of threads. */
static void run(Call *call, Part *part, int64_t threads) {
  enum { MOST_THREADS = 64, FEWEST_SEQUENCES = 4 };
  Share shares[MOST_THREADS];
  pthread_t handles[MOST_THREADS];
  int started[MOST_THREADS] = {0};
  if (threads > call->batch / FEWEST_SEQUENCES) threads = call->batch / FEWEST_SEQUENCES;
  if (threads > MOST_THREADS) threads = MOST_THREADS;
  if (threads < 1) threads = 1;
  for (int64_t n = 0; n < threads; n++)
    shares[n] = (Share){call, part, call->batch * n / threads, call->batch * (n + 1) / threads};
  for (int64_t n = 1; n < threads; n++)
    started[n] = pthread_create(&handles[n], NULL, run_share, &shares[n]) == 0;
  run_share(&shares[0]);
  for (int64_t n = 1; n < threads; n++)
    if (started[n])
      pthread_join(handles[n], NULL);
    else
      run_share(&shares[n]);
}

void run_forward(Call *call, const float *weights, int64_t threads) {
  call->weights = pack(weights, call->units, call->gates);
  if (call->weights.numbers)
    run(call, forward, threads);
  else
    call->failed = 1;
  free(call->weights.numbers);
}

void run_backward(Call *call, const float *weights, int64_t threads) {
  call->weights = pack_transposed(weights, call->units, call->gates * call->units);
  if (call->weights.numbers)
    run(call, backward, threads);
  else
    call->failed = 1;
  free(call->weights.numbers);
}
