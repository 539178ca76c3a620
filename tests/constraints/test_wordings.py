"""What each rule's wordings are, and what only looks like one. All sentences are our own."""

import pytest

from seif.constraints.compiler import compile_text

POSITIVE = [
    (
        "keywords:existence",
        (("keywords", ["harbour"]),),
        [
            "Include the word 'harbour'.",
            'The response must include the keyword "harbour" in the reply',
            "Don't forget to include the keywords harbour",
            "Mandatory use of the term 'harbour'.",
            "The response should include at least one required keyword: 'harbour'.",
            "必须包含“harbour”一词。",
            "回答中必须使用关键词“harbour”",
        ],
    ),
    (
        "keywords:existence",
        (("keywords", ["red kite", "owl"]),),
        [
            "Use the phrases 'red kite' and 'owl' at least once each.",
            'Include the words "red kite," and "owl."',
            "请包含“red kite”和“owl”这两个词",
        ],
    ),
    (
        "keywords:forbidden_words",
        (("forbidden_words", ["cold", "fog"]),),
        [
            "Avoid using the words 'cold' or 'fog'.",
            "The words cold and fog cannot be in the response",
            "Do not include the keywords: 'cold', 'fog'",
            "不要使用“cold”和“fog”这两个词",
        ],
    ),
    (
        "keywords:frequency",
        (("keyword", "tea"), ("frequency", 3), ("relation", "at least")),
        [
            "Use the word 'tea' at least three times.",
            'in the response, the word "tea" should appear at least 3 times',
            "Mention the word tea more than twice",
            "Your answer must contain at least 3 instances of the word 'tea'.",
            "“tea”一词至少出现3次",
        ],
    ),
    (
        "keywords:frequency",
        (("keyword", "tea"), ("frequency", 3), ("relation", "less than")),
        [
            "The word 'tea' should appear no more than twice.",
            "Use the word 'tea' less than 3 times in your answer",
            "Avoid using the word 'tea' more than twice.",
            "关键词“tea”最多出现两次",
        ],
    ),
    (
        "keywords:letter_frequency",
        (("letter", "q"), ("let_frequency", 4), ("let_relation", "at least")),
        [
            "The letter q should show up at least 4 times",
            'answer with the letter "q" appearing at least four times',
            'Contain at least 4 letter"q" in your response',
            "字母q至少出现四次",
        ],
    ),
    (
        "keywords:letter_frequency",
        (("letter", "e"), ("let_frequency", 1), ("let_relation", "less than")),
        ["Do not use the letter 'e'.", "不要使用字母“e”"],
    ),
    (
        "language:response_language",
        (("language", "fr"),),
        [
            "Respond only in French.",
            "Your entire response should be in French, no other language is allowed",
            "using only French, no other language is allowed",
            "Response Language: french",
            "请用法语回答",
        ],
    ),
    (
        "length_constraints:number_sentences",
        (("num_sentences", 6), ("relation", "less than")),
        [
            "Limit the response to five sentences.",
            "Your reply must have no more than 5 sentences",
            "in 5 sentences or fewer",
            "The number of sentences in your response should be less than 6",
        ],
    ),
    (
        "length_constraints:number_words",
        (("num_words", 120), ("relation", "at least")),
        [
            "Respond with at least 120 words",
            "Write 120 or more words.",
            "120+ words",
            "Word count: at least 120 words.",
            "The response should not be less than 120 words.",
        ],
    ),
    (
        "length_constraints:number_words",
        (("num_words", 1001), ("relation", "less than")),
        [
            "Keep your response within 1,000 words",
            "The response should not exceed 1000 words.",
            "Limit to a maximum of 1000 words",
            "1000 words max",
        ],
    ),
    (
        "length_constraints:number_paragraphs",
        (("num_paragraphs", 2),),
        [
            "There must be exactly two paragraphs separated by '***'.",
            "Give me the answer in exactly 2 paragraphs, separated with the markdown divider: ***",
            "恰好分成两个段落，用***分隔",
        ],
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        (("num_paragraphs", 3), ("nth_paragraph", 2), ("first_word", "rain")),
        [
            "Write exactly 3 paragraphs, separated by two new lines. "
            "The second paragraph must start with the word 'rain'.",
            "Please reply with exactly 3 paragraphs and separate each "
            "paragraph with two new lines. The 2nd paragraph must start with rain",
        ],
    ),
    (
        "detectable_content:number_placeholders",
        (("num_placeholders", 2),),
        [
            "Include at least two placeholders represented by square brackets, such as [city].",
            "至少包含两个用方括号表示的占位符，例如[姓名]",
        ],
    ),
    (
        "detectable_content:postscript",
        (("postscript_marker", "P.S."),),
        [
            "Add a postscript starting with P.S. at the end of your response",
            "End your reply with a P.S.",
            "在结尾添加一个以P.S.开头的附言",
        ],
    ),
    (
        "detectable_content:postscript",
        (("postscript_marker", "P.P.S"),),
        ["end it with a post script starting with P.P.S"],
    ),
    (
        "detectable_format:number_bullet_lists",
        (("num_bullets", 4),),
        [
            "Your answer must contain exactly 4 bullet points in markdown "
            "format. Use * to indicate bullets, like:\n* xyz\n* abc",
            "使用恰好4个项目符号",
        ],
    ),
    (
        "detectable_format:constrained_response",
        (),
        [
            "Answer with one of the following options: 'My answer is yes.', 'My answer is no.', 'My answer is maybe.'",
        ],
    ),
    (
        "detectable_format:number_highlighted_sections",
        (("num_highlights", 3),),
        [
            "Highlight at least 3 sections with markdown, i.e. *highlighted section*",
            "至少高亮3个部分，例如*重点*",
        ],
    ),
    (
        "detectable_format:multiple_sections",
        (("section_spliter", "SECTION"), ("num_sections", 3)),
        [
            "Your response must have 3 sections, mark the beginning of each section with SECTION X",
            "Divide your response into 3 sections, and mark each section with SECTION X.",
        ],
    ),
    (
        "detectable_format:json_format",
        (),
        ["Output in JSON format.", "The entire output should be wrapped in JSON format", "以JSON格式输出"],
    ),
    (
        "detectable_format:title",
        (),
        [
            "Include a title wrapped in double angular brackets, such as <<title>>.",
            "包含一个用双尖括号括起来的标题，例如<<标题>>",
        ],
    ),
    (
        "combination:two_responses",
        (),
        [
            "Give two different responses, separated by 6 asterisk symbols: ******",
            "给出两个不同的回答，用******分隔",
        ],
    ),
    (
        "combination:repeat_prompt",
        (("prompt_to_repeat", "How deep is it?"),),
        [
            'First repeat the question "How deep is it?" word for word, then give your answer.',
        ],
    ),
    (
        "startend:end_checker",
        (("end_phrase", "See you soon."),),
        [
            "End your response with 'See you soon.'",
            "Finish the response with this exact phrase: See you soon.",
            'The very end of your response should read "See you soon.". No other words should follow',
            "请以“See you soon.”结尾",
        ],
    ),
    (
        "change_case:capital_word_frequency",
        (("capital_frequency", 5), ("capital_relation", "less than")),
        [
            "Words in ALL CAPS should appear less than 5 times.",
            "Your answer must include at most 4 words in all capital letters",
        ],
    ),
    (
        "change_case:english_capital",
        (),
        [
            "Your response should be in English, and in all capital letters.",
            "Answer in all caps",
            "全部使用英文大写字母",
        ],
    ),
    (
        "change_case:english_lowercase",
        (),
        [
            "The response should be in English, and in all lowercase letters; no capital letters allowed.",
            "no capital letters",
            "全部使用英文小写字母",
        ],
    ),
    (
        "punctuation:no_comma",
        (),
        ["Refrain from using commas", "There should be no commas in your reply", "不要使用英文逗号"],
    ),
    (
        "startend:quotation",
        (),
        ["Wrap your entire response with double quotation marks.", "用英文双引号把整个回答括起来"],
    ),
]


@pytest.mark.parametrize(
    ("text", "instruction_id", "kwargs"),
    [(text, instruction_id, dict(kwargs)) for instruction_id, kwargs, texts in POSITIVE for text in texts],
)
def test_a_wording_states_its_rule(text, instruction_id, kwargs):
    constraint = compile_text(text)
    assert (constraint.instruction_id, dict(constraint.kwargs)) == (instruction_id, kwargs)


def test_every_rule_has_a_wording():
    assert len({instruction_id for instruction_id, _, _ in POSITIVE}) == 25


@pytest.mark.parametrize(
    "text",
    [
        # more than the rule checks
        "Use the word 'tea' in the first sentence.",
        "Include the word 'tea' and explain it",
        "Use the word 'tea' instead of 'coffee'.",
        "Do not use the word 'tea' in any form.",
        "Mandatory use of the term 'tea' in the explanation",
        "Include the word 'tea' in bold.",
        "Give exactly 3 bullet points starting with '-'.",
        "Start each bullet with a verb.",
        "Your answer must be in English and contain at least 50 words.",
        "At least 5 words but less than 20 words",
        "Please make sure each point has a title wrapped in double angular brackets, i.e. <<title>>",
        "Include at least 2 placeholders [name] and [date]",
        "Output a JSON object with the keys a and b",
        "Respond in JSON and use at least 3 sentences",
        "Use the words 'tea' and 'milk' at least twice each",
        # another relation than the rule's
        "Write exactly 50 words.",
        "Write about 50 words.",
        "Write 50 to 60 words.",
        "Use between 3 and 5 sentences.",
        "Use the word 'tea' exactly twice.",
        "Use at least 3 bullet points.",
        "Write at least 3 paragraphs separated by ***.",
        "Keep your response at least 20 words or less.",
        "Use at least one of the words 'tea' or 'milk'",
        "Include the word 'tea' or 'milk'",
        "Include any of the words 'tea' and 'milk'.",
        "Include the word 'tea'/'milk'.",
        "Do not use both the words 'tea' and 'milk'.",
        "You do not have to use the word 'tea'.",
        "The response should include the forbidden word 'tea'.",
        # another thing than the whole reply
        "Limit the title to 5 words.",
        "Each sentence must have at least 5 words.",
        "The title must include the word 'tea'.",
        "Limit each paragraph to 3 sentences.",
        "Highlight the currency name using bold.",
        "Use uppercase for the title",
        "Title: at most 5 words",
        "Bullets: at least 20 words",
        "Sentence length must be less than 20",
        "ALL-CAPS Word Frequency: The word 'tea' should appear at least twice.",
        "Translate the word into French",
        # which words, or what mark, is not said
        "Include the keywords provided.",
        "Use the word sparingly.",
        "Do not use forbidden words such as 'tea'.",
        "Write two paragraphs.",
        "Divide the response into 3 sections.",
        "Repeat the request above before you answer.",
        "Write in quotation marks.",
        # counted otherwise than the words say
        "不超过100字",
        "限制在三句话内",
        "不要使用逗号",
        "用双引号把整个回答括起来",
        "使用中文解释概念",
        "全部使用大写字母",
        "至少使用3个项目符号",
    ],
)
def test_what_only_looks_like_a_rule_is_left_to_the_judger(text):
    assert not compile_text(text).checkable
