# SPDX-License-Identifier: Apache-2.0
"""Completion of commands and options by the shell."""

from __future__ import annotations

from typing import Literal

from byhand.cli.output import show_text


def completion(shell: Literal["bash", "zsh", "fish"], /) -> None:
    """Print the script that lets your shell complete byhand's commands and options.

    **Example**

    ```console
    $ byhand completion bash > ~/.local/share/bash-completion/completions/byhand
    $ byhand completion zsh > ~/.zfunc/_byhand
    $ byhand completion fish > ~/.config/fish/completions/byhand.fish
    ```

    Parameters
    ----------
    shell
        Which shell.
    """
    from byhand.cli import tree

    show_text(tree.whole(tree.app).generate_completion(prog_name="byhand", shell=shell))
