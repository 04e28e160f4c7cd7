# SPDX-License-Identifier: Apache-2.0
"""A person's signature over bytes: envelopes and SSH signatures; bytes in, verified values or an error out."""
