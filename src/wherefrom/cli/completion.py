"""``wherefrom completion``: the script that lets a shell complete verbs, options and values.

    SHELL asks at a Tab ──_WHEREFROM_COMPLETE──► ``main`` ──► ``answer`` ──► one value a line

The scripts are click's, but for what they lose there: bash cuts words at colons, which ids are full
of, and fish took a comma for the end of a value.

Source: click, "Shell Completion"; bash(1), "Programmable Completion", COMP_WORDBREAKS
"""

from __future__ import annotations

import os
from typing import Final

import click
from click.shell_completion import (
    BashComplete,
    FishComplete,
    ShellComplete,
    ZshComplete,
    split_arg_string,
)

from wherefrom.cli.completing import complete
from wherefrom.cli.exits import YES
from wherefrom.cli.render import write_answer
from wherefrom.cli.settings import json_option

PROGRAM: Final = "wherefrom"
VARIABLE: Final = "_WHEREFROM_COMPLETE"
# Where each shell looks, and how it is told at once.
INSTALL: Final = {
    "bash": (
        "wherefrom completion bash > ~/.local/share/bash-completion/completions/wherefrom",
        'or, without bash-completion, in ~/.bashrc: eval "$(wherefrom completion bash)"',
    ),
    "zsh": (
        'in ~/.zshrc, after compinit: eval "$(wherefrom completion zsh)"',
        "or, in a folder of fpath: wherefrom completion zsh > _wherefrom",
    ),
    "fish": ("wherefrom completion fish > ~/.config/fish/completions/wherefrom.fish",),
}

_BASH: Final = r"""
%(complete_func)s() {
    local line="${COMP_LINE:0:COMP_POINT}" response type value word before breaks
    # The word as it was typed; bash replaces what stands after its last break only.
    word="${line##*[[:space:]]}"
    breaks="${COMP_WORDBREAKS//[^:=@]/}"
    before=""
    [[ -n "$breaks" ]] && before="${word%%"${word##*[$breaks]}"}"
    before="${before%%@}"  # at this one the word begins, after the others
    [[ "$word" == -*=* ]] && before="${before#*=}"
    COMPREPLY=()
    response=$(env COMP_WORDS="$line" %(complete_var)s=bash_complete "$1" 2>/dev/null)
    while IFS=',' read -r type value; do
        case "$type" in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("${value#"$before"}") ;;
        esac
    done <<< "$response"
    return 0
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""
_FISH: Final = r"""
function %(complete_func)s
    set -l response (env %(complete_var)s=fish_complete COMP_WORDS=(commandline -cp) \
        COMP_CWORD=(commandline -t) %(prog_name)s 2>/dev/null)
    for completion in $response
        set -l metadata (string split -m 1 "," -- $completion)
        switch $metadata[1]
            case dir
                __fish_complete_directories $metadata[2]
            case file
                __fish_complete_path $metadata[2]
            case plain
                echo $metadata[2]
        end
    end
end

complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""


class _Bash(BashComplete):
    """Of the line as it was typed, up to the cursor."""

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)
        begun = "" if not words or line[-1:].isspace() else words.pop()
        return words[1:], begun


class _Fish(FishComplete):
    source_template = _FISH


SHELLS: Final[dict[str, type[ShellComplete]]] = {"bash": _Bash, "zsh": ZshComplete, "fish": _Fish}


def script(shell: str) -> str:
    """The script for a shell, with how to install it in front."""
    made = SHELLS[shell](click.Group(PROGRAM), {}, PROGRAM, VARIABLE)
    written = made.source_template % made.source_vars()
    said = "".join(f"# {line}\n" for line in ("To install it:", *INSTALL[shell]))
    first, _, rest = written.lstrip("\n").partition("\n")
    # What zsh finds in a folder of fpath begins with this word.
    if first.startswith("#compdef"):
        return f"{first}\n{said}{rest}".rstrip("\n")
    return f"{said}{first}\n{rest}".rstrip("\n")


def answer(root: click.Group, instruction: str) -> int:
    """What a shell asked for by ``VARIABLE``, such as ``bash_complete``, on standard output."""
    shell, _, what = instruction.partition("_")
    if shell not in SHELLS or what != "complete":
        return YES
    # Of every verb's options at once; this process ends with the answer.
    click.Parameter.shell_complete = complete  # type: ignore[method-assign,assignment]
    if said := SHELLS[shell](root, {}, PROGRAM, VARIABLE).complete():
        click.echo(said)
    return YES


@click.command()
@click.argument("shell", type=click.Choice(tuple(SHELLS)))
@json_option
def completion(shell: str, as_json: bool) -> int:
    """Print the script that completes verbs, options and values.

    SHELL is bash, zsh or fish; the first lines of the script say how to install it. Ids, services,
    environments and policies come from the server that --server, --data or the environment names,
    if it answers in a moment.
    """
    said = {"shell": shell, "install": list(INSTALL[shell]), "script": script(shell)}
    write_answer(said, as_json, lambda: script(shell).splitlines())
    return YES
