/* Registration of the operations with TensorFlow: names, inputs, outputs and kernels. */

/* TensorFlow's headers, written for C++, use these names before declaring them. */
typedef struct TF_OpDefinitionBuilder TF_OpDefinitionBuilder;
typedef struct TF_ShapeHandle TF_ShapeHandle;
typedef struct TF_DimensionHandle TF_DimensionHandle;
typedef struct TF_ShapeInferenceContext TF_ShapeInferenceContext;

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_tensor.h"

#include "recurrent.h"

typedef struct {
  unsigned char reverse;
  int64_t threads;
} Attributes;

static void *create(TF_OpKernelConstruction *construction) {
  TF_Status *status = TF_NewStatus();
  Attributes *attributes = calloc(1, sizeof *attributes);
  TF_OpKernelConstruction_GetAttrBool(construction, "reverse", &attributes->reverse, status);
  if (TF_GetCode(status) == TF_OK)
    TF_OpKernelConstruction_GetAttrInt64(construction, "threads", &attributes->threads, status);
  if (TF_GetCode(status) != TF_OK) TF_OpKernelConstruction_Failure(construction, status);
  TF_DeleteStatus(status);
  return attributes;
}

enum { NONE = -1 };

typedef struct {
  TF_OpKernelContext *context;
  TF_Status *status;
  TF_Tensor *tensors[16];
  int count;
} Tensors;

static float *input(Tensors *t, int index) {
  if (TF_GetCode(t->status) != TF_OK) return NULL;
  TF_GetInput(t->context, index, &t->tensors[t->count], t->status);
  return TF_GetCode(t->status) == TF_OK ? TF_TensorData(t->tensors[t->count++]) : NULL;
}

/* Memory for an output; reuses the buffer of input `reused` if the shape is the same and it is not shared. */
static float *output(Tensors *t, int index, int reused, int dimensions, int64_t a, int64_t b, int64_t c) {
  int64_t shape[] = {a, b, c};
  int forwarded;
  if (TF_GetCode(t->status) != TF_OK) return NULL;
  t->tensors[t->count] = TF_ForwardInputOrAllocateOutput(t->context, &reused, reused >= 0, index, shape,
                                                         dimensions, &forwarded, t->status);
  return TF_GetCode(t->status) == TF_OK ? TF_TensorData(t->tensors[t->count++]) : NULL;
}

static void finish(Tensors *t, Call *call) {
  if (TF_GetCode(t->status) == TF_OK && call->failed)
    TF_SetStatus(t->status, TF_RESOURCE_EXHAUSTED, "out of memory in a recurrent layer");
  if (TF_GetCode(t->status) != TF_OK) TF_OpKernelContext_Failure(t->context, t->status);
  for (int n = 0; n < t->count; n++) TF_DeleteTensor(t->tensors[n]);
  TF_DeleteStatus(t->status);
}

static void sizes(Call *call, const TF_Tensor *states_or_projected, int64_t units) {
  call->batch = TF_Dim(states_or_projected, 0);
  call->time = TF_Dim(states_or_projected, 1);
  call->units = units;
}

static void compute_forward(void *kernel, TF_OpKernelContext *context, int gates) {
  const Attributes *attributes = kernel;
  Tensors t = {.context = context, .status = TF_NewStatus()};
  Call call = {.gates = gates, .reverse = attributes->reverse};
  int n = 0, lstm = gates == 4;
  call.projected = input(&t, n++);
  const float *weights = input(&t, n++);
  call.mask = (const unsigned char *)input(&t, n++);
  call.first_state = input(&t, n++);
  const float *last_input = input(&t, n++);
  if (TF_GetCode(t.status) == TF_OK) {
    sizes(&call, t.tensors[0], TF_Dim(t.tensors[1], 0));
    call.states = output(&t, 0, NONE, 3, call.batch, call.time, call.units);
    call.activations = output(&t, 1, lstm ? 0 : NONE, 3, call.batch, call.time, 4 * call.units);
    if (lstm) call.cells = output(&t, 2, NONE, 3, call.batch, call.time, call.units);
  }
  if (TF_GetCode(t.status) == TF_OK) {
    if (lstm) call.first_cell = last_input;
    else call.bias = last_input;
    run_forward(&call, weights, attributes->threads);
  }
  finish(&t, &call);
}

static void compute_backward(void *kernel, TF_OpKernelContext *context, int gates) {
  const Attributes *attributes = kernel;
  Tensors t = {.context = context, .status = TF_NewStatus()};
  Call call = {.gates = gates, .reverse = attributes->reverse};
  int n = 0, lstm = gates == 4;
  call.states = input(&t, n++);
  const float *weights = input(&t, n++);
  call.mask = (const unsigned char *)input(&t, n++);
  call.first_state = input(&t, n++);
  call.activations = input(&t, n++);
  call.d_states = input(&t, n++);
  const float *d_last_state = input(&t, n++), *d_last_cell = NULL;
  if (lstm) {
    call.cells = input(&t, n++);
    call.first_cell = input(&t, n++);
    d_last_cell = input(&t, n++);
  }
  if (TF_GetCode(t.status) == TF_OK) {
    sizes(&call, t.tensors[0], TF_Dim(t.tensors[1], 0));
    call.d_projected = output(&t, 0, lstm ? 4 : NONE, 3, call.batch, call.time, gates * call.units);
    call.d_state = output(&t, 1, NONE, 2, call.batch, call.units, 0);
    if (lstm) call.d_cell = output(&t, 2, NONE, 2, call.batch, call.units, 0);
    else call.d_recurrent = output(&t, 2, NONE, 3, call.batch, call.time, gates * call.units);
  }
  if (TF_GetCode(t.status) == TF_OK) {
    memcpy(call.d_state, d_last_state, call.batch * call.units * 4);
    if (lstm) memcpy(call.d_cell, d_last_cell, call.batch * call.units * 4);
    run_backward(&call, weights, attributes->threads);
  }
  finish(&t, &call);
}

static void lstm_forward(void *kernel, TF_OpKernelContext *context) { compute_forward(kernel, context, 4); }
static void lstm_backward(void *kernel, TF_OpKernelContext *context) { compute_backward(kernel, context, 4); }
static void gru_forward(void *kernel, TF_OpKernelContext *context) { compute_forward(kernel, context, 3); }
static void gru_backward(void *kernel, TF_OpKernelContext *context) { compute_backward(kernel, context, 3); }

static void define(const char *name, const char *const *inputs, const char *const *outputs,
                   void (*compute)(void *, TF_OpKernelContext *)) {
  TF_Status *status = TF_NewStatus();
  TF_OpDefinitionBuilder *definition = TF_NewOpDefinitionBuilder(name);
  for (; *inputs; inputs++) TF_OpDefinitionBuilderAddInput(definition, *inputs);
  for (; *outputs; outputs++) TF_OpDefinitionBuilderAddOutput(definition, *outputs);
  TF_OpDefinitionBuilderAddAttr(definition, "reverse: bool");
  TF_OpDefinitionBuilderAddAttr(definition, "threads: int");
  TF_RegisterOpDefinition(definition, status);
  if (TF_GetCode(status) == TF_OK)
    TF_RegisterKernelBuilder(name, TF_NewKernelBuilder(name, "CPU", create, compute, free), status);
  TF_DeleteStatus(status);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

__attribute__((constructor)) static void register_operations(void) {
  define("RecurrentLstmForward",
         LIST("projected: float", "weights: float", "mask: bool", "state: float", "cell: float"),
         LIST("states: float", "gates: float", "cells: float"), lstm_forward);
  define("RecurrentLstmBackward",
         LIST("states: float", "weights: float", "mask: bool", "state: float", "gates: float",
              "d_states: float", "d_last_state: float", "cells: float", "cell: float", "d_last_cell: float"),
         LIST("d_projected: float", "d_state: float", "d_cell: float"), lstm_backward);
  define("RecurrentGruForward",
         LIST("projected: float", "weights: float", "mask: bool", "state: float", "bias: float"),
         LIST("states: float", "gates: float"), gru_forward);
  define("RecurrentGruBackward",
         LIST("states: float", "weights: float", "mask: bool", "state: float", "gates: float",
              "d_states: float", "d_last_state: float"),
         LIST("d_projected: float", "d_state: float", "d_recurrent: float"), gru_backward);
}
