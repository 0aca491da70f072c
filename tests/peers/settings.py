"""Hyper-parameters that several peers share: off the defaults, in the names of each library."""

B = dict(beta_1=0.8, beta_2=0.95)
BE = dict(**B, epsilon=1e-2)
S = dict(initial_accumulator_value=0.2, epsilon=1e-2)
RMS = dict(rho=0.8, momentum=0.6, epsilon=1e-2)
TORCH_RMS = dict(alpha=0.8, momentum=0.6, eps=1e-2)
TB = dict(betas=(0.8, 0.95))
TBE = dict(**TB, eps=1e-2)
OB = dict(b1=0.8, b2=0.95)
OBE = dict(**OB, eps=1e-2)
KBE = dict(beta_1=0.75, beta_2=0.9375, epsilon=1 / 64)  # exact in float32
BOUND = dict(**BE, final_learning_rate=0.08, gamma=0.2)
ADAFACTOR = dict(beta_2_decay=-0.7, epsilon_1=1e-2, epsilon_2=0.5, clip_threshold=0.7)
TINY_ADAFACTOR = dict(beta_2_decay=-0.7, epsilon_1=1e-30, epsilon_2=0.5, clip_threshold=1.1)
LARS = dict(momentum=0.7, nesterov=False, trust_coefficient=0.3)
FTRL = dict(l1_regularization_strength=2.0, l2_regularization_strength=0.25, beta=0.125)
PROJECTION = dict(delta=0.7, wd_ratio=0.3, weight_decay=0.1)
RPROP = dict(eta_minus=0.6, eta_plus=1.3, min_step_size=0.01, max_step_size=0.2)
