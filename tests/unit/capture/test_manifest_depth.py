"""A manifest that is nested past the stack is named, as any other that cannot be read."""

from wherefrom.capture.manifests import declared


def test_a_document_that_is_nested_past_the_stack_is_named_and_ends_no_other():
    found = declared("a: " + "[" * 100_000 + "\n---\nkind: Namespace\n")
    ((number, says),) = found.unread
    assert number == 1
    assert "nested too deep" in says
