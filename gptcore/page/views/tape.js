// The tape of a `GenerationStepper`: the tokens that were written by hand or by the dart, and the token to come.

// A position of the tape, with the record of the token that belongs there. A token of the tape is
// { tokenId, label, drawnId, prob, surprise, drawnSurprise }: what was written there, where the dart fell, how likely
// the settings left the token, and the surprise at both, in nats: -ln of the probability before all settings.
class Stepping {
  static choices = 6; // how many candidates have a bar
  static before = 150; // how many tokens of the tape are shown before the position,
  static after = 30; // and after it

  // What follows `hasEnded`, whether the last token ends the text, is null if the text is over.
  constructor(promptIds, promptLabels, tape, position, hasEnded, distribution = null, candidates = null, dart = null) {
    Object.assign(this, { promptIds, promptLabels, tape, position, hasEnded, distribution, candidates, dart });
  }

  get isOver() {
    return this.distribution === null;
  }

  // The prompt and what has been written up to here.
  get tokenIds() {
    return [...this.promptIds, ...this.tape.slice(0, this.position).map(({ tokenId }) => tokenId)];
  }

  // The model's surprise at the text up to here, in nats, and at what the dart would have written.
  get sums() {
    const sum = (name) => this.tape.slice(0, this.position).reduce((total, token) => total + token[name], 0);
    return [sum("surprise"), sum("drawnSurprise")];
  }

  // What was written here before.
  get replayed() {
    return this.tape[this.position] ?? null;
  }

  get caption() {
    if (this.isOver) return this.hasEnded ? t("This token ends the text. Go back to choose otherwise.") : t("The tape is full.");
    const drawn = t("The dart falls on “{label}” (chance {chance}).", { label: this.dart.label, chance: percent(this.dart.prob) });
    const written = this.replayed;
    const next = t("Forward writes it; click a bar to write another."), again = t("It was written here before; or choose another.");
    if (written === null) return `${drawn} ${next}`;
    if (!isByHand(written)) return `${drawn} ${again}`;
    const mine = t("You wrote “{label}” (chance {chance}) here.", { label: written.label, chance: percent(written.prob) });
    return `${mine} ${drawn}`;
  }

  // The tokens around the position, and what can come there, for the page.
  shown() {
    const start = Math.max(0, this.position - Stepping.before);
    return {
      prompt: start ? [] : this.promptLabels.slice(-Stepping.before),
      isCut: start > 0 || this.promptLabels.length > Stepping.before,
      start,
      tape: this.tape.slice(start, this.position + Stepping.after).map((token) => ({
        id: token.tokenId, label: token.label, prob: token.prob, surprise: token.surprise, mine: isByHand(token),
      })),
      position: this.position,
      length: this.tape.length,
      written: this.replayed?.tokenId ?? null,
      candidates: this.isOver ? null : this.candidatesShown(),
      dart: this.isOver ? null : this.dart.shown(),
      sums: this.sums,
    };
  }

  candidatesShown() {
    const rows = this.candidates.rowsShown();
    const others = rows.pop();
    const surprise = surprises(this.distribution);
    return [...rows.map((row) => ({ ...row, surprise: surprise(row.id) })), others];
  }
}

const isByHand = ({ tokenId, drawnId }) => tokenId !== drawnId;

// The position after `position` new tokens of the tape; its one distribution is computed again.
function lookAtTape(model, tokenizer, promptIds, tape, position, uniform, sampling, maxNewTokens) {
  const labels = promptIds.slice(-Stepping.before - 1).map((id) => tokenLabel(tokenizer, id));
  const hasEnded = position > 0 && tokenizer.endTokenIds.includes(tape[position - 1].tokenId);
  if (hasEnded || position >= maxNewTokens) return new Stepping(promptIds, labels, tape, position, hasEnded);
  const newIds = tape.slice(0, position).map(({ tokenId }) => tokenId);
  const distribution = distributionAfter(model, tokenizer, promptIds, newIds, sampling);
  const candidates = Candidates.of(distribution, tokenizer, Stepping.choices);
  return new Stepping(promptIds, labels, tape, position, false, distribution, candidates, Dart.of(distribution, uniform, tokenizer));
}

// The same position with `tokenId` written there, and nothing after it.
function writeOnTape(stepping, tokenId, tokenizer) {
  const surprise = surprises(stepping.distribution);
  const drawnId = stepping.dart.tokenId;
  const token = {
    tokenId, label: tokenLabel(tokenizer, tokenId), drawnId, prob: stepping.distribution.probs[tokenId],
    surprise: surprise(tokenId), drawnSurprise: surprise(drawnId),
  };
  const { promptIds, promptLabels, tape, position, hasEnded, distribution, candidates, dart } = stepping;
  const longer = [...tape.slice(0, position), token];
  return new Stepping(promptIds, promptLabels, longer, position, hasEnded, distribution, candidates, dart);
}

// How much each token would surprise the model, in nats, before all settings: a function of its id.
function surprises({ logits }) {
  const largest = logits.reduce((most, logit) => Math.max(most, logit), -Infinity);
  let sum = 0;
  for (let id = 0; id < logits.length; id += 1) sum += Math.exp(logits[id] - largest);
  return (id) => Math.log(sum) + largest - logits[id];
}
