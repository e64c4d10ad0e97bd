/* SIMD vectors, and products of a few rows with packed weights. */

#ifndef VECTORS_H
#define VECTORS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef __AVX512F__
#define LANES 16
#define REGISTERS 24 /* for sums; the rest hold weights and a state */
#else
#define LANES 8
#define REGISTERS 12
#endif

#define INLINE static inline __attribute__((always_inline))

typedef float vector __attribute__((vector_size(LANES * 4)));
typedef int32_t bits __attribute__((vector_size(LANES * 4)));

/* Load and store at most `count` elements; nothing beyond is read or written. */

INLINE vector load(const float *from, int64_t count) {
  vector v = {0};
  memcpy(&v, from, count >= LANES ? sizeof v : count * sizeof(float));
  return v;
}

INLINE void store(float *to, vector v, int64_t count) {
  memcpy(to, &v, count >= LANES ? sizeof v : count * sizeof(float));
}

/* Clamp x to [-limit, limit]; NaN stays NaN, because it compares false. */
INLINE vector within(vector x, float limit) {
  bits above = x > limit, below = x < -limit;
  bits high = (bits)((vector){0} + limit), low = (bits)((vector){0} - limit);
  return (vector)((high & above) | (low & below) | ((bits)x & ~(above | below)));
}

/* Eigen's rational approximation, accurate to a few units in the last place. */
INLINE vector hyperbolic_tangent(vector x) {
  x = within(x, 7.90531110763549805f);
  vector s = x * x;
  vector p = s * -2.76076847742355e-16f + 2.00018790482477e-13f;
  p = p * s - 8.60467152213735e-11f;
  p = p * s + 5.12229709037114e-08f;
  p = p * s + 1.48572235717979e-05f;
  p = p * s + 6.37261928875436e-04f;
  p = p * s + 4.89352455891786e-03f;
  vector q = s * 1.19825839466702e-06f + 1.18534705686654e-04f;
  q = q * s + 2.26843463243900e-03f;
  q = q * s + 4.89352518554385e-03f;
  return x * p / q;
}

INLINE vector sigmoid(vector x) { return 0.5f + 0.5f * hyperbolic_tangent(0.5f * x); }

/* Weights packed in the order in which `product` reads them: (blocks of LANES columns, depth, gates, LANES). */

typedef struct {
  float *numbers;
  int64_t depth, gates;
} Packed;

/* Distance between packed rows of factors. In the batch they are far apart, often by a power of two, and
   would evict one another from the cache. */
INLINE int64_t distance(int64_t depth) { return depth + LANES; }

/* sums (rows, gates) += rows (depth) times the block-th block of the weights (depth, gates, LANES). */
INLINE void product(vector *sums, int rows, int gates, const float *factors, Packed weights, int64_t block) {
  const float *numbers = weights.numbers + block * weights.depth * gates * LANES;
  for (int64_t k = 0; k < weights.depth; k++, numbers += gates * LANES)
#pragma GCC unroll 16
    for (int row = 0; row < rows; row++)
#pragma GCC unroll 4
      for (int gate = 0; gate < gates; gate++)
        sums[row * gates + gate] += factors[row * distance(weights.depth) + k] * load(numbers + gate * LANES, LANES);
}

#endif
