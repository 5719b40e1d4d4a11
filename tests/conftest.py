"""What all tests share."""

from __future__ import annotations

import torch

torch.set_num_threads(1)  # sizes are tiny, and the workers of a run share the cores
