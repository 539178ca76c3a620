"""A chat format of one's own: a family whose thoughts end with a mark of their own, and whose template has a switch.

plugins: [../examples/chat_format.py]                # in a config
chat: {format: family}
"""

from seif.chat import ChatFormat, chat_formats

chat_formats.add("family", ChatFormat(template_kwargs={"thinking": True}, think_end="<|end_of_thought|>"))
