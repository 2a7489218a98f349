"""The blocks of a message as Slack checks them: one that is not as it must be, and the whole message is `invalid_blocks`.

Only the kinds that an alarm has use for; any other counts as unknown. Members that a block does not have are refused, as by
Slack: `emoji` of a `mrkdwn` text is the one that people meet.
"""

BLOCKS, BLOCK_ID = 50, 255
# kind: (members that it must have, members that it may have besides type and block_id)
KINDS = {"section": ((), ("text", "fields", "accessory", "expand")), "header": (("text",), ()), "divider": ((), ()),
         "context": (("elements",), ()), "image": (("image_url", "alt_text"), ("title",)), "markdown": (("text",), ())}
TEXTS = {"plain_text": {"type", "text", "emoji"}, "mrkdwn": {"type", "text", "verbatim"}}


def valid(blocks):
    if not isinstance(blocks, list) or len(blocks) > BLOCKS or not all(isinstance(block, dict) for block in blocks):
        return False
    names = [block["block_id"] for block in blocks if "block_id" in block]
    if any(not isinstance(name, str) or len(name) > BLOCK_ID for name in names) or len(set(names)) < len(names):
        return False
    return all(valid_block(block) for block in blocks)


def valid_block(block):
    must, may = KINDS.get(block.get("type"), (None, None))
    if must is None or not set(must) <= set(block) <= {"type", "block_id", *must, *may}:
        return False
    return CHECKS[block["type"]](block)


def valid_text(text, limit, kinds=("plain_text", "mrkdwn")):
    return (isinstance(text, dict) and text.get("type") in kinds and set(text) <= TEXTS[text["type"]]
            and is_string(text.get("text"), limit))


def is_string(value, limit):
    return isinstance(value, str) and 1 <= len(value) <= limit


def is_list(value, limit, check):
    return isinstance(value, list) and 1 <= len(value) <= limit and all(check(each) for each in value)


def valid_section(block):
    if "text" not in block and "fields" not in block:
        return False
    return (("text" not in block or valid_text(block["text"], 3000))
            and ("fields" not in block or is_list(block["fields"], 10, lambda field: valid_text(field, 2000)))
            and isinstance(block.get("accessory", {}), dict))


def valid_context_element(element):
    if isinstance(element, dict) and element.get("type") == "image":
        return set(element) == {"type", "image_url", "alt_text"} and valid_image(element)
    return valid_text(element, 2000)


def valid_image(block):
    return (is_string(block["image_url"], 3000) and is_string(block["alt_text"], 2000)
            and ("title" not in block or valid_text(block["title"], 2000, ("plain_text",))))


CHECKS = {
    "section": valid_section,
    "header": lambda block: valid_text(block["text"], 150, ("plain_text",)),
    "divider": lambda block: True,
    "context": lambda block: is_list(block["elements"], 10, valid_context_element),
    "image": valid_image,
    "markdown": lambda block: is_string(block["text"], 12_000),
}
