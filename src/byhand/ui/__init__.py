# SPDX-License-Identifier: Apache-2.0
"""The pages a person sees: made on the server, strict about what they load, and honest about what they can prove."""
