# SPDX-License-Identifier: Apache-2.0
"""The made-up shop's tests: one of them measures the network."""

import json
import unittest
from pathlib import Path

LATENCY_MS_MAX = 250  # a customer waits


class Checkout(unittest.TestCase):
    def test_checkout_total(self) -> None:
        self.assertEqual(sum([1_250, 1_250]), 2_500)

    def test_checkout_latency(self) -> None:
        measured = json.loads(Path("network.json").read_text())["latency_ms"]
        self.assertLess(measured, LATENCY_MS_MAX, "the checkout answered too late")
