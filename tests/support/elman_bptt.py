"""Backpropagation through time of the Elman network, written out as in the equation, in NumPy.

    s_t = tanh(U x_t + W s_{t-1} + b),   o_t = softmax(V s_t + c),   E = sum_t E_t,   E_t = -y_t log o_t

    dE_t/dW = sum_{k<=t} (dE_t/do_t) (do_t/ds_t) (ds_t/ds_k) (ds_k/dW),
    ds_t/ds_k = prod_{k<j<=t} ds_j/ds_{j-1},   ds_j/ds_{j-1} = diag(1 - s_j^2) W

The last factor, ds_k/dW, is the part of the derivative with s_{k-1} held constant; U and b have the same
sum with x_k and 1 in place of s_{k-1}. Vectors are columns, as in the equations; every Jacobian is formed
as a matrix and nothing is reused, so that each line is a term of the equation. Slow on purpose.

Source: Werbos, "Backpropagation through time: what it does and how to do it", 1990; the sum over k as in
Pascanu et al., "On the difficulty of training recurrent neural networks", 2013.
"""

from dataclasses import dataclass

import numpy as np


@dataclass
class Elman:
    """Weights: U (units, features), W (units, units), V (classes, units), b (units,), c (classes,)."""

    U: np.ndarray
    W: np.ndarray
    V: np.ndarray
    b: np.ndarray
    c: np.ndarray


def forward(network, inputs, first_state):
    """Run over one sequence.

    Args:
        network: the weights.
        inputs: (time, features).
        first_state: s_{-1}, (units,).

    Returns:
        States (time, units) and outputs (time, classes).
    """
    state, states, outputs = first_state, [], []
    for step_inputs in inputs:
        state = np.tanh(network.U @ step_inputs + network.W @ state + network.b)
        states.append(state)
        outputs.append(softmax(network.V @ state + network.c))
    return np.stack(states), np.stack(outputs)


def softmax(numbers):
    """(classes,) to probabilities."""
    powers = np.exp(numbers - numbers.max())
    return powers / powers.sum()


def loss(network, inputs, targets, first_state):
    """E of one sequence; targets (time, classes), one-hot."""
    _, outputs = forward(network, inputs, first_state)
    return -np.sum(targets * np.log(outputs))


def step_jacobian(network, state):
    """ds_j/ds_{j-1} = diag(1 - s_j^2) W: (units, units)."""
    return np.diag(1 - state**2) @ network.W


def state_jacobian(network, states, t, k):
    """ds_t/ds_k, the product of the steps' Jacobians from k+1 to t: (units, units)."""
    product = np.eye(len(network.b))
    for j in range(k + 1, t + 1):
        product = step_jacobian(network, states[j]) @ product
    return product


def gradients(network, inputs, targets, first_state):
    """dE/dU, dE/dW, dE/dV, dE/db and dE/dc of one sequence, as an Elman of gradients."""
    states, outputs = forward(network, inputs, first_state)
    total = Elman(*(np.zeros_like(weight) for weight in vars(network).values()))
    for t in range(len(inputs)):
        error_by_output = -targets[t] / outputs[t]  # dE_t/do_t: (classes,)
        output_by_logit = np.diag(outputs[t]) - np.outer(outputs[t], outputs[t])  # (classes, classes)
        error_by_logit = error_by_output @ output_by_logit  # (classes,)
        total.V += np.outer(error_by_logit, states[t])
        total.c += error_by_logit
        output_by_state = output_by_logit @ network.V  # do_t/ds_t: (classes, units)
        for k in range(t + 1):
            jacobian = state_jacobian(network, states, t, k)  # ds_t/ds_k: (units, units)
            error_by_state = error_by_output @ output_by_state @ jacobian  # (units,)
            # ds_k/dW: row i of W changes only element i of s_k, by (1 - s_k^2)_i s_{k-1}.
            error_by_sum = error_by_state * (1 - states[k] ** 2)  # (units,)
            total.W += np.outer(error_by_sum, states[k - 1] if k > 0 else first_state)
            total.U += np.outer(error_by_sum, inputs[k])
            total.b += error_by_sum
    return total
