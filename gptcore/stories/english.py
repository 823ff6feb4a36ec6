"""English tales: somebody with a name and a home wants something, meets somebody else, and all ends well.

A tale is an opening (who lived where) and one of ten plots. Their templates have these slots:

    [food]          says one item of the list "food"
    [a food:lunch]  says it after "a" or "an", and remembers it as "lunch"
    {lunch}         says again what was remembered
    {then}          says the partner of an item that was chosen: the answer to a riddle, "rang" for a bell
    [there]         where "in" is remembered as "there", says one item of the list "in"
"""

import re
from functools import cache
from itertools import chain

from gptcore.stories.english_words import LISTS
from gptcore.stories.source import Options
from gptcore.stories.tale import Tale, program

SHE = {"he": "she", "him": "her", "his": "her", "He": "She", "His": "Her"}
HE = {word: word for word in SHE}
ONLY_HERS, ONLY_HIS = ("girl", "princess"), ("boy", "prince")
NAMES = dict(chain(*zip(LISTS["her name"].items(), LISTS["his name"].items(), strict=True)))  # hers and his alternate


class EnglishTale(Tale):
    """A tale in English, where an item agrees by taking "a" or "an"."""

    lists = LISTS | {"name": NAMES}
    gap = re.compile(r"\[(?P<form>a )?(?P<name>[\w ]+)(?::(?P<key>\w+))?\]")

    @staticmethod
    @cache
    def pieces(template: str) -> tuple[str, ...]:
        """Each slot with the space before it, and what stands between the slots."""
        return tuple(filter(None, re.split(r"( ?(?:\[[^]]+\]|\{\w+\}))", template)))

    @staticmethod
    def agree(item: str, form: str | None) -> str:
        return item if form is None else ("an " if item[0] in "aeiou" else "a ") + item

    def fill(self, piece: str, gap: re.Match) -> None:
        name = gap["name"] if gap["name"] in self.lists else self.memory[gap["name"]]
        item = self.choose(self.options(name, piece, 0.6))
        if partner := self.lists[name][item]:
            self.memory["then"] = self.recall(partner)
        if gap["key"]:
            self.memory[gap["key"]] = item


def opening(tale: Tale) -> None:
    """Who lived where; the name decides between "he" and "she"."""
    number = tale.either(
        "Once upon a time there lived [where:there] [a view] [there:home] [a trait:trait] [kind:kind] named",
        "Once upon a time there was [a trait:trait] [kind:kind] called",
        "Once upon a time, when [when], [a trait:trait] [kind:kind] named",
    )
    kind = tale.memory["kind"]
    tale.memory["names"] = "her name" if kind in ONLY_HERS else "his name" if kind in ONLY_HIS else "name"
    tale.say(" [names:name]")
    tale.memory |= SHE if tale.memory["name"] in LISTS["her name"] else HE
    home = " lived [where:there] [a view] [there:home]."
    tale.say([".", ", who" + home, home][number])


FRIEND = " [a look:look] [friend:friend] in [a soft:soft] [wear:wear]"  # a friend appears

OBSTACLES = (  # something stands in the way of {who}, and is overcome
    " A flood had washed away the bridge, so {who} built a raft from [timber].",
    " Thick fog had swallowed the path, so {who} followed the sound of [sound].",
    " A fallen [tree] blocked the road, so {who} crept under it with [number] [small] [crowd].",
    " The forest was as dark as a cellar, so {who} walked by the light of [glow].",
    " In the way stood [a grim] [beast:beast], so {who} sang [a song] until the {beast} fell asleep.",
    " The road turned into mud, so {who} jumped from stone to stone, [number] stones in all.",
)


def lost(tale: Tale) -> None:
    """A treasure is lost, and found in an unexpected place."""
    tale.say(
        " {name} loved [a make:make] [thing:thing] that {his} [kin] had [gave] {him}.",
        (
            " But one [weather] [season] morning it was gone.",
            " Then came [a weather] morning when the {thing} was gone.",
            " When {he} woke one [weather] morning, it was not there.",
        ),
        (
            " {name} looked under the [under] and behind the [behind], but found only [a worn] [junk].",
            " {He} searched among the [plants], and even behind the [behind], but there was only [a worn] [junk].",
            " Under the [under] there was [a worn] [junk], and behind the [behind] [number] [crowd], but no {thing}.",
        ),
        " {He} felt too [sad:mood] to eat even [tasty] [food:food].",
        " [suddenly]" + FRIEND + " [came].",
        (
            ' "Why are you so {mood}?" [asked] the {friend}. "My {make} {thing} is gone," [said] {name} [how].',
            ' "I have lost my {make} {thing}," [spoke] {name} [how].',
        ),
        (
            ' "Follow me!" [cried] the {friend}, and they [went] [route].',
            ' "I know where it is," [said] the {friend} [brightly], and they [went] [route].',
        ),
        " There among the [plants] lay the {thing}, with [number] [small] [crowd:crowd] [playing] around it.",
        (
            " {name} thanked the {friend} with some {food}, and was not {mood} any more.",
            ' "Let the {crowd} keep it until [soon]," [spoke] the {trait} {kind} [brightly].',
            " That night {name} fell asleep with the {make} {thing} beside {his} pillow, dreaming of [food].",
        ),
    )


def letter(tale: Tale) -> None:
    """A promise to a sick friend is kept."""
    tale.memory["who"] = tale.memory["he"]
    tale.say(
        " from" + FRIEND + ", who lay ill.",
        (' "I dream of [tasty] [food:food]," it said.', " It smelled of [plants] and asked for [tasty] [food:food]."),
        ' "You shall have some before [soon:soon]," [said] {name}, and filled [a make:make] [basket:basket].',
        " Off {he} [went] with the {food}, [route] and into the [weather] [season] wind.",
        OBSTACLES,
        (" Just before {soon} the {friend} heard a knock.", " It was nearly {soon} when {he} arrived."),
        (' "You came!" [cried] the {friend} [brightly].', ' "Dear {name}!" [cried] the {friend} [brightly].'),
        " By [early] the {make} {basket} was empty, and the {look} {friend} could [able] again.",
        (
            " {name} was [glad], for a promise is a promise.",
            " Ever after, when somebody was ill, {name} came with [a make] {basket} full of [food].",
            " Some say it was the {food}, but I say it was the friendship.",
            " Then they sang [a song] about [loves] to [number] [small] [crowd].",
        ),
    )


def riddle(tale: Tale) -> None:
    """The right answer opens the road."""
    tale.say(
        " the only road to the [errand:errand] was [guarded] by [a grim:grim] [monster:monster].",
        (
            " One [weather] [season] morning {his} [kin:kin] sent {name} there to fetch [a make:make] [thing:thing].",
            " But {his} [kin:kin] needed [a make:make] [thing:thing] from there, and {name} was not afraid.",
        ),
        " {He} [went] [route], with [food:food] in {his} pocket, and there stood the {monster}.",
        (' "Stop!" [growled] the {monster}. "[riddle]?"', ' "Tell me this," [growled] the {monster}. "[riddle]?"'),
        (
            " {name} thought and thought, and watched [number] [small] [crowd] go by.",
            " {name} ate some [tasty] {food} and thought about it until [soon].",
            " The {trait} {kind} looked at the [plants], and counted [number] [crowd].",
        ),
        ' "{then}," {he} [said] [how].',
        " The {grim} {monster} [startled], and let {him} pass.",
        " So {name} fetched the {make} {thing} from the {errand}, and {his} {kin} was [glad].",
        (
            " On the way home {name} taught the {monster} [number] new riddles about [food] and [crowd].",
            " Since then the {monster} comes to visit every [slow], for some [tasty] [food] and a new riddle.",
            ' "And the {monster}?" [asked] {his} {kin}. "We are friends now," [said] {name} [brightly].',
        ),
    )


def storm(tale: Tale) -> None:
    """Shelter is found in bad weather, and the host is thanked."""
    tale.say(
        " [season] evening {name} was carrying home [a make:make] [thing:thing] from the [market].",
        " [suddenly] [a storm:storm] [began], the wind [howled] and the [tree] trees [groaned].",
        (
            " Then there was a [glimmer] in the window of [a view] [shelter:shelter].",
            " Behind the [plants] {he} saw the [glimmer] of [a view] [shelter:shelter].",
        ),
        ' "Come in!" [cried]' + FRIEND + ", and poured hot [drink].",
        (
            " They ate [tasty] [food:food] and told each other [stories] until the {storm} was over.",
            " They sat by the fire, ate [tasty] [food:food] and sang [a song] about [loves].",
        ),
        " The next morning was [weather], and {name} put the {make} {thing} on the table.",
        ' "Keep it," [spoke] the {trait} {kind} [brightly], "and think of me when the wind blows."',
        (
            " To this day the {thing} stands in the {shelter}, between [a worn] [junk] and some {food}.",
            " And in every {storm} the {look} {friend} looks at the {make} {thing} and is [glad].",
            " Since then the two friends meet every [slow] {there} the {home}, for [food] and [drink].",
        ),
    )


def birthday(tale: Tale) -> None:
    """A gift is earned."""
    tale.say(
        " the birthday of {his} [kin:kin], and {name} had only [number] pennies and [a worn] [junk].",
        (
            " At the [market:market] {he} found [a make:make] [thing:thing].",
            " {He} dreamed of [a make:make] [thing:thing] that was for sale at the [market:market].",
        ),
        " It belonged to" + FRIEND + ".",
        (
            ' "It costs more than you have," [spoke] the {friend} [how], "but if you [chore], it is yours."',
            ' "Keep your pennies," [spoke] the {friend} [how]. "If you [chore], it is yours."',
        ),
        " So the {trait} {kind} {then} until [soon], and [went] home [route] with the {make} {thing}.",
        " On the birthday there was [tasty] [drink], and everybody ate [food:food] and sang [a song].",
        ' "This is the [finest] {thing} in the world," [spoke] {his} {kin} [brightly].',
        (
            ' "But the best gift of all," {he} heard, "is you."',
            " {name} was so [glad] that {he} gave {food} to the {friend} and to all the [crowd].",
            " And who came to the party? The {look} {friend}, with [number] [small] [crowd] [playing].",
        ),
    )


def stranger(tale: Tale) -> None:
    """Kindness comes back."""
    tale.say(
        " the [market] one [weather] day, {name} met" + FRIEND + " by the [stop].",
        (
            ' "I have eaten nothing since [since]," [spoke] the {friend} [how].',
            ' "Do I smell [tasty] [food:food]?" [asked] the {friend} [how].',
        ),
    )
    if "food" in tale.memory:
        tale.say(" {name} gave away every bit, and some [drink] too.")
    else:
        tale.say(" {name} had [a make] [basket] of [tasty] [food:food], and {he} gave it all away.")
    tale.say(' "Take this [make:make] [sounder:thing]," [spoke] the {friend} [brightly].')
    tale.memory["did"] = tale.memory["then"]
    tale.say(
        ' "If you are ever in trouble, let me hear it."',
        " A few [while] later, one [weather] [season] evening, {name} [trouble].",
        " {He} {did} the {thing} [number] times, and soon the {friend} came with [number] [small] [relatives].",
        " They {then}.",
        (
            ' "One good turn deserves another," [spoke] the {friend} [how], and they all ate {food} until [soon].',
            " Since then {name} has always kept some {food} {there} the {home} for anyone who is hungry.",
            " {name} kept the {make} {thing} beside [a worn] [junk], and never was {he} [sad] again.",
        ),
    )


def journey(tale: Tale) -> None:
    """An old dream comes true."""
    tale.memory["who"] = "they"
    tale.say(
        " {he} could remember, {name} had wanted to see the [wonder:goal].",
        " One [weather] [season] morning {he} packed [tasty] [food:food] and [a make:make] [thing:thing].",
        " By the [stop] {he} met" + FRIEND + ".",
        (
            ' "Where are you going, {trait} {kind}?" [asked] the {friend}. "To the {goal}," [said] {name} [how].',
            ' "Come with me to the {goal}!" [cried] {name} [brightly].',
        ),
        " For [number] [weather] days they [went] [route].",
        OBSTACLES,
        " [finally] they saw the {goal}, [grander] than in any dream.",
        (
            " They ate the {food} there until [soon], and {name} left the {make} {thing} for the next traveller.",
            ' "Take my {make} {thing} to remember this day," [spoke] {name} [brightly], and they shared the {food}.',
        ),
        (
            " When {he} was back {there} the {home}, even the [crowd] wanted to hear about the {goal}.",
            ' "And tomorrow," [spoke] the {look} {friend} [brightly], "we shall go and see the [wonder]."',
            " Then the two friends [went] home [route], and they were [glad] ever after.",
        ),
    )


def night(tale: Tale) -> None:
    """What sounds frightening may only be lonely."""
    tale.say(
        " at [hour], {name} heard [a noise:noise] behind the [behind].",
        ' "It must be [a grim:grim] [monster:monster]," thought the {trait} {kind}, and [hid] [hide].',
        " But on the [nth] night {he} took [a make:make] [light:thing] and [went] outside.",
        " There was no {monster}, only" + FRIEND + " among the [plants].",
        (
            ' "Why do you make that {noise}?" [asked] {name}. "Because I am [wants:wants]," [said] the {friend} [how].',
            ' "I am so [wants:wants]," [spoke] the {friend} [how].',
        ),
        " So {name} [fetched] [a soft] [cloth], a cup of [drink] and [tasty] [food:food].",
        (
            " They sat by the light of the {make} {thing} and told each other [stories] until [early].",
            " They put the {thing} on the grass, sang [a song] and ate {food} with [number] [small] [crowd].",
        ),
        (
            " After that the {friend} was never {wants} again, and the {noise} was never heard any more.",
            ' Now, when there is [a noise] at night, {name} takes the {thing} and calls, "Come in, dear {friend}!"',
            " So if you hear [a noise] tonight, be brave, and put some [food] behind the [behind].",
        ),
    )


def wish(tale: Tale) -> None:
    """One wish is enough, if it is for somebody else."""
    tale.say(
        " [task] one [weather] [season] day, {name} found [a make:make] [thing:thing].",
        ' "I grant one wish," [spoke] the {thing} [how].',
        " What should it be, [a riches:riches], [a treat] or [number] baskets of [tasty] [food:food]?",
        " {name} [went] [route], thinking about it, and met" + FRIEND + ".",
        " The {friend} was [need] and [looked] [sad].",
        ' "I wish that this {friend} {then}," [spoke] the {trait} {kind} [how].',
        " The {make} {thing} [shone] [number] times, and so it was.",
        (
            " It never spoke again, but {name} had a friend, and that was better than any {riches}.",
            " From that day on they ate [tasty] [food] {there} the {home} every [slow], and told each other [stories].",
            " Nobody ever gave {name} a {riches}, but {he} was [glad] all the same.",
            ' "Thank you," [spoke] the {friend} [brightly], and gave {him} the {soft} {wear}.',
        ),
    )


def seed(tale: Tale) -> None:
    """Patience grows big things."""
    tale.say(
        " {name} planted a [crop:crop] seed in [a make:make] [pot:pot].",
        ' "Nothing will ever grow in that {pot}," [laughed]' + FRIEND + ".",
        " But every [slow] the {trait} {kind} watered it and [care].",
        (
            " Then, one [weather] morning, a leaf looked out of the {pot}.",
            " At first only [number] [small] [crowd] came to look, but {name} waited.",
        ),
        " By [ripe] the {crop} was as big as [a huge], and it took [number] [relatives] to bring it to the [market].",
        ' "I was wrong," [spoke] the {look} {friend} [how]. "May I have a piece?"',
        ' "Have two!" [cried] {name} [brightly], and everybody ate {crop} soup and {crop} pie until [soon].',
        (
            " The next year the {friend} planted a {crop} seed too, in [a make] [pot], and [care].",
            " The {make} {pot} stands {there} the {home} to this day, full of [plants] and [crowd].",
            " They were all so [glad] that they danced around the {make} {pot} with [number] [crowd].",
        ),
    )


PLOTS = Options(
    {
        " More than anything else,": lost,
        " One day a letter came": letter,
        " In those days": riddle,
        " Late one": storm,
        " Soon it would be": birthday,
        " On the way to": stranger,
        " For as long as": journey,
        " Every night,": night,
        " While": wish,
        " That spring": seed,
    },
    tilt=0.3,
)

tell = program(EnglishTale, opening, PLOTS)
