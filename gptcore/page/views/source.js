// The source of the tales as gptcore/stories has it: a program of choices, of which every probability is known.
// STORIES holds its word lists and plots, which come from the Python: see source.py.

const stories = (() => {
  // GPT-2's pattern, as source.py has it.
  const WORD = /'(?:[stmd]|re|ve|ll)| ?[\p{L}\p{Nl}\p{No}]+| ?\p{Nd}+| ?(?:[^\s\p{L}\p{N}])+|\s+(?!\S)|\s+/gu;
  const splitWords = (text) => text.match(WORD) ?? [];

  // ------------------------------------------------------------------------------------------------- source.py

  // Texts to choose from: branches of { words, prob, result }, by their first words.
  class Options {
    constructor(branches) {
      this.index = new Map(branches.map((branch) => [branch.words[0], branch]));
      this.nextWords = new Map(branches.map(({ words, prob }) => [words[0], prob]));
    }

    // `options`, a Map from each text to its value: the text at rank r (from 1) has the weight r ** -tilt.
    static ranked(options, tilt) {
      return Options.grown([...options].map(([text, value], i) => ({ words: splitWords(text), value, weight: (i + 1) ** -tilt })));
    }

    // One branch for each first word; items that share a first word get Options of their own.
    static grown(items) {
      const branches = new Map();
      for (const item of items) branches.set(item.words[0], [...(branches.get(item.words[0]) ?? []), item]);
      const sum = (some) => some.reduce((total, { weight }) => total + weight, 0);
      const total = sum(items);
      return new Options([...branches.values()].map((branch) => {
        const [words, result] = branch.length > 1 ? Options.fork(branch) : [branch[0].words, branch[0].value];
        return { words, prob: sum(branch) / total, result };
      }));
    }

    // The words that all items of `branch` begin with, and the options that follow them.
    static fork(branch) {
      let shared = 0;
      while (branch.every(({ words }) => words[shared] === branch[0].words[shared])) shared += 1;
      const rest = branch.map(({ words, ...item }) => ({ ...item, words: words.slice(shared) }));
      return [branch[0].words.slice(0, shared), Options.grown(rest)];
    }

    // As `as_data` of source.py wrote them.
    static of(data, value = (result) => result) {
      const isMore = (result) => Array.isArray(result?.[0]?.[0]);
      return new Options(data.map(([words, prob, result]) => ({ words, prob, result: isMore(result) ? Options.of(result, value) : value(result) })));
    }
  }

  const plain = remembered((text) => Options.ranked(new Map([[text, text]]), 0));

  // What `make` returns for a text, made once.
  function remembered(make) {
    const made = new Map();
    return (key, ...more) => {
      if (!made.has(key)) made.set(key, make(key, ...more));
      return made.get(key);
    };
  }

  // The given words end here: the program would go on with one of these; with none if it cannot say them.
  class Fork {
    constructor(nextWords = new Map()) {
      this.nextWords = nextWords;
    }
  }

  // A `choose` that follows given words.
  function reader(words) {
    let position = 0;
    const follow = (options) => {
      if (position === words.length) throw new Fork(options.nextWords);
      const branch = options.index.get(words[position]);
      if (!branch) throw new Fork();
      for (const [i, word] of branch.words.entries()) {
        if (position + i === words.length) throw new Fork(new Map([[word, 1]]));
        if (words[position + i] !== word) throw new Fork();
      }
      position += branch.words.length;
      return branch.result;
    };
    const choose = (options) => {
      let result = typeof options === "string" ? plain(options) : options;
      while (result instanceof Options) result = follow(result);
      return result;
    };
    return { choose, isAtEnd: () => position === words.length };
  }

  // {word: probability} after `words`, with the end where the story is over; empty where `tell` cannot say `words`.
  function nextWords(tell, words) {
    const { choose, isAtEnd } = reader(words);
    try {
      tell(choose);
    } catch (fork) {
      if (fork instanceof Fork) return fork.nextWords;
      throw fork;
    }
    return new Map(isAtEnd() ? [[STORIES.end, 1]] : []);
  }

  // --------------------------------------------------------------------------------------------------- tale.py

  const SLOT = /\{(?<key>\w+)(?:\|(?<form>[^}]+))?\}/;
  const EVERY_SLOT = new RegExp(SLOT, "g");
  const heads = remembered((key, texts) => Options.ranked(new Map(texts.map((text, i) => [text, i])), 0.3));

  // A list of items, or {item: partner}, as a Map from each item to its partner.
  const asList = (items) => new Map(Array.isArray(items) ? items.map((item) => [item, ""]) : Object.entries(items));
  const asLists = (lists) => Object.fromEntries(Object.entries(lists).map(([name, items]) => [name, asList(items)]));

  // A story being told; `memory` holds what may be said again. Each language has its own lists, pieces, gap, agree, fill.
  class Tale {
    constructor(choose) {
      Object.assign(this, { choose, memory: new Map() });
    }

    either(templates) {
      const found = templates.map((template) => this.head(template));
      const texts = found.map(([head]) => head);
      const number = this.choose(heads(texts.join("\0"), texts));
      this.speak(this.pieces(templates[number]).slice(found[number][1]));
      return number;
    }

    say(template) {
      this.speak(this.pieces(template));
    }

    recall(text) {
      if (!text.includes("{")) return text;
      return text.replace(EVERY_SLOT, (slot, key, form) => (this.memory.has(key) ? this.agree(this.memory.get(key), form) : slot));
    }

    // What `template` says before its first gap, and how many pieces that is.
    head(template) {
      const pieces = this.pieces(template);
      let head = "";
      for (const [number, piece] of pieces.entries()) {
        const text = this.recall(piece);
        if (this.gap.test(text)) return [head, number];
        head += text;
      }
      return [head, pieces.length];
    }

    speak(pieces) {
      for (const piece of pieces) {
        const text = this.recall(piece);
        const gap = this.gap.exec(text);
        if (gap) this.fill(text, gap);
        else this.choose(text);
      }
    }

    // `piece` with each item of the list `name` in its gap, except those already `taken`.
    options(name, piece, tilt, taken = []) {
      return this.known([name, piece, tilt, ...taken].join("\0"), () => {
        const { index, 0: { length }, groups } = this.gap.exec(piece);
        const [before, after] = [piece.slice(0, index), piece.slice(index + length)];
        const items = [...this.lists[name].keys()].filter((item) => !taken.includes(item));
        return Options.ranked(new Map(items.map((item) => [before + this.agree(item, groups.form) + after, item])), tilt);
      });
    }

    // The steps of a plot, as `steps_of` of source.py wrote them.
    follow(steps) {
      for (const [what, value, more] of steps) {
        if (what === "say") this.say(value);
        else if (what === "remember") this.memory.set(value, this.recall(more));
        else if (what === "choose") this.memory.set(more, this.choose(chosen(value)));
        else {
          const number = what === "has" ? Number(this.memory.has(value)) : this.either(value);
          if (more) this.follow(more[number]);
        }
      }
    }
  }

  const chosen = remembered((data) => Options.of(data));

  // ------------------------------------------------------------------------------------------------ english.py

  class EnglishTale extends Tale {
    lists = English.lists;
    gap = /\[(?<form>a )?(?<name>[\w ]+)(?::(?<key>\w+))?\]/;
    known = English.known;

    pieces(template) {
      return template.split(/( ?(?:\[[^\]]+\]|\{\w+\}))/).filter(Boolean);
    }

    agree(item, form) {
      return form === undefined ? item : ("aeiou".includes(item[0]) ? "an " : "a ") + item;
    }

    fill(piece, { groups }) {
      const name = groups.name in this.lists ? groups.name : this.memory.get(groups.name);
      const item = this.choose(this.options(name, piece, 0.6));
      const partner = this.lists[name].get(item);
      if (partner) this.memory.set("then", this.recall(partner));
      if (groups.key) this.memory.set(groups.key, item);
    }

    opening() {
      const number = this.either([
        "Once upon a time there lived [where:there] [a view] [there:home] [a trait:trait] [kind:kind] named",
        "Once upon a time there was [a trait:trait] [kind:kind] called",
        "Once upon a time, when [when], [a trait:trait] [kind:kind] named",
      ]);
      const kind = this.memory.get("kind");
      const { onlyHers, onlyHis, she } = STORIES.en;
      this.memory.set("names", onlyHers.includes(kind) ? "her name" : onlyHis.includes(kind) ? "his name" : "name");
      this.say(" [names:name]");
      const isHers = this.lists["her name"].has(this.memory.get("name"));
      for (const [he, hers] of Object.entries(she)) this.memory.set(he, isHers ? hers : he);
      const home = " lived [where:there] [a view] [there:home].";
      this.say([".", `, who${home}`, home][number]);
    }
  }

  const English = {
    lists: { ...asLists(STORIES.en.lists), name: asList(STORIES.en.names) },
    known: remembered((key, make) => make()),
    plots: Options.of(STORIES.en.plots),
  };

  // ------------------------------------------------------------------------------------------------- korean.py

  // `noun` with the form of `pair` that fits its last sound; 으로/로 counts a final ㄹ as a vowel.
  function particle(noun, pair) {
    const [afterConsonant, afterVowel] = pair.split("/");
    const final = (noun.charCodeAt(noun.length - 1) - "가".charCodeAt(0)) % 28; // 0 is no final, 8 is ㄹ
    return noun + (final === 0 || (final === 8 && pair === "으로/로") ? afterVowel : afterConsonant);
  }

  // A name or a noun as one calls it: 보리야, 곰아; the 이 at the end of a long name is dropped: 복동아.
  function calling(name) {
    const isLong = Korean.names.has(name) && name.length > 2 && name.endsWith("이");
    return particle(isLong ? name.slice(0, -1) : name, "아/야");
  }

  // How a hero comes into the tale: counted (곰 한 마리가), or by name (곰 보리가).
  const arrival = remembered(({ counter, names: group }) => {
    const counted = counter ? [[` ${counter}`, null]] : [];
    const names = STORIES.ko.names[group] ?? [];
    return Options.ranked(new Map([...counted, ...names.map((name) => [` ${particle(name, "이/가")}`, name])]), 0.6);
  });

  class KoreanTale extends Tale {
    lists = Korean.lists;
    gap = SLOT;
    known = Korean.known;
    polite = false;

    pieces(template) {
      return template.split(" ").map((eojeol) => ` ${eojeol}`);
    }

    agree(item, form) {
      return form === undefined ? item : particle(item, form);
    }

    fill(piece, { groups: { key } }) {
      if (key === key.toUpperCase()) {
        const name = this.polite && `${key}+` in this.lists ? `${key}+` : key;
        this.choose(this.options(name, piece, key === "END" ? 0.7 : 0.45));
      } else {
        const name = key.replace(/[23]+$/, "");
        const taken = [...this.memory.values()].filter((noun) => this.lists[name].has(noun));
        this.memory.set(key, this.choose(this.options(name, piece, 0.45, taken)));
      }
    }

    opening() {
      this.choose("옛날 옛적에");
      this.say("{AREA} {place}에 {TRAIT}");
      const kind = this.choose(Korean.kinds);
      const hero = this.choose(arrival(kind)) ?? kind.noun;
      this.polite = kind.polite;
      this.memory.set("hero", hero).set("call", kind.polite ? `${kind.noun}님` : calling(hero));
      this.say("{LIVED} {hero|은/는} {OFTEN} {HABIT}");
    }
  }

  // Every stem with the plainest ending, then with the next.
  const past = (stems) => STORIES.ko.endings.flatMap((ending) => stems.map((stem) => stem + ending));
  const verbs = Object.entries(STORIES.ko.verbs).map(([name, stems]) => [name, past(stems)]);
  const more = { SIDE: STORIES.ko.lists.side, END: STORIES.ko.endings, ...Object.fromEntries(verbs) };
  const Korean = {
    lists: asLists({ ...STORIES.ko.lists, ...more }),
    known: remembered((key, make) => make()),
    names: new Set(Object.values(STORIES.ko.names).flat()),
    kinds: Options.of(STORIES.ko.kinds),
    plots: Options.of(STORIES.ko.plots),
  };

  // ----------------------------------------------------------------------------------------------- __init__.py

  const program = (NewTale, { plots }) => (choose) => {
    const tale = new NewTale(choose);
    tale.opening();
    tale.follow(choose(plots));
  };
  const LANGUAGES = [program(EnglishTale, English), program(KoreanTale, Korean)];

  // Map of token id → probability after the tokens `tokenIds`; empty where no story begins so.
  function nextToken(tokenIds, tokenizer) {
    const bytes = tokenIds.flatMap((tokenId) => [...tokenBytes(tokenizer, tokenId)]);
    const text = new TextDecoder().decode(new Uint8Array(bytes), { stream: true }); // without half a character at its end
    const words = splitWords(text).slice(0, -2); // the last two may be incomplete
    const spelled = words.flatMap((word) => tokenizer.encode(word));
    if (spelled.some((tokenId, i) => tokenId !== tokenIds[i])) return new Map(); // not how the tokenizer cuts this text
    const probs = new Map();
    for (const tell of LANGUAGES) spell(tell, words, tokenIds.slice(spelled.length), 1, tokenizer, probs);
    const total = [...probs.values()].reduce((sum, prob) => sum + prob, 0);
    return new Map([...probs].map(([tokenId, prob]) => [tokenId, prob / total]));
  }

  // Add to `probs` the tokens that can follow `words` and then the tokens `rest`, reached with probability `prob`.
  function spell(tell, words, rest, prob, tokenizer, probs) {
    for (const [word, p] of nextWords(tell, words)) {
      const isEnd = word === STORIES.end;
      const tokens = isEnd ? tokenizer.endTokenIds.slice(0, 1) : tokenizer.encode(word);
      const count = Math.min(tokens.length, rest.length);
      if (tokens.slice(0, count).some((tokenId, i) => tokenId !== rest[i])) continue;
      if (count < tokens.length) probs.set(tokens[count], (probs.get(tokens[count]) ?? 0) + prob * p);
      else if (!isEnd) spell(tell, [...words, word], rest.slice(count), prob * p, tokenizer, probs);
    }
  }

  return { splitWords, nextToken };
})();
