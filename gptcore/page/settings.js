// Settings of views: each is checked, and the value of a control.

const MOST_TEXT = 5000; // characters: of a longer text a model would see no more than the end

// A setting of a view. `check(name, value)` throws for a value that is not allowed. `text` writes a value that a control
// with a choice does not offer yet. A number above `most` is cut to it, and a text of more characters to its end.
class Setting {
  constructor(check = () => {}, { text = numberText, most = null } = {}) {
    Object.assign(this, { check, text, most });
  }

  // [`value` or as much of it as there is room for, a sentence that says so].
  allowed(name, value) {
    const [text, notice] = typeof value === "string" ? this.cut(name, value) : [value, ""];
    this.check(name, text); // a text is cut first, because the check reads all of it
    if (this.most && isNumber(value) && value > this.most) {
      const said = t("Here {name} was cut to {most}, the most that is possible.", { name, most: grouped(this.most) });
      return [this.most, said];
    }
    return [text, notice];
  }

  cut(name, text) {
    const length = this.most ? lengthOf(text) : 0;
    if (!this.most || length <= this.most) return [text, ""];
    const counts = { name, most: grouped(this.most), length: grouped(length) };
    return [sliceOf(text, -this.most), t("Here {name} was cut to its last {most} of {length} characters.", counts)];
  }

  // Set a control, which may not have offered `value` before.
  put(control, value) {
    if (control.options) this.offer(control, value);
    else if (control.max !== undefined && value > control.max) control.max = value;
    control.value = value;
  }

  offer(control, value) {
    if (control.options.some(([, known]) => known === value)) return;
    const off = control.options.filter(([, known]) => known === null);
    const values = [...control.options.filter(([, known]) => known !== null), [this.text(value), value]];
    values.sort(([, one], [, other]) => (one < other ? -1 : one > other ? 1 : 0));
    control.options = control.options[0][1] === null ? [...off, ...values] : [...values, ...off];
  }
}

// The text that a view works on. Letters in parts (NFD) are put together, unless it is taken as it is.
class TextSetting extends Setting {
  constructor(most, asIs) {
    super(checkText, { most });
    this.asIs = asIs;
  }

  allowed(name, value) {
    const [text, cut] = super.allowed(name, value);
    const whole = this.asIs ? text : composed(text);
    if (whole === text) return [text, cut];
    const said = t("Here the letters of {name}, which came in parts (NFD), were put together (NFC).", { name });
    return [whole, cut ? `${cut} ${said}` : said];
  }
}

// A setting that chooses one of several things by its number, counted from 0; `count(view)` tells how many there are.
class Index extends Setting {
  constructor(count) {
    super();
    this.count = count;
  }

  checkRange(view, name, value) {
    const count = this.count(view);
    if (!count) throw new Error(view.problem); // there is nothing to choose from
    if (isInteger(value) && 0 <= value && value < count) return;
    const values = { name, last: Math.max(0, count - 1), value: given(value) };
    throw new Error(t("{name} must be an integer from 0 to {last}, got {value}", values));
  }
}

const setting = (check, options) => new Setting(check, options);
const textSetting = (most = MOST_TEXT, asIs = false) => new TextSetting(most, asIs);
const indexSetting = (count) => new Index(count);

// ---------------------------------------------------------------------------------------------------- checks

const SEED_LIMIT = 2n ** 63n; // seeds are below it
const LARGEST_LOSS = 1e30; // nats per token
const MOST_LENGTH = 100; // new tokens of a text that is written before anything is shown

// Whether `value` is allowed for a setting of the sampler.
const checkSampling = (name, value) => void new Sampling({ [name]: value });

const checkLength = (name, value) => checkInteger(name, value, 0);

function checkSeed(name, value, hint = "") {
  checkInteger(name, value, 0, hint);
  if (!(value < SEED_LIMIT)) throw new Error(t("seed must be from 0 to 2**63 - 1, got {value}", { value: given(value) }));
}

// The same, but null, for new luck each time, is allowed too.
function checkAnySeed(name, value) {
  if (value !== null) checkSeed(name, value, t(", or None for new luck each time"));
}

// Other luck: the seed after `seed`.
function nextSeed(seed) {
  if (seed === null) return null;
  const next = (BigInt(seed) + 1n) % SEED_LIMIT;
  return next <= Number.MAX_SAFE_INTEGER ? Number(next) : next;
}

// Whether `value` is a loss above 0, or null.
function checkFloor(name, value) {
  if (value !== null && !(isNumber(value) && 0 < value && value < LARGEST_LOSS)) {
    const values = { name, value: given(value) };
    throw new Error(t("{name} must be a loss above 0 in nats per token, or None, got {value}", values));
  }
}
