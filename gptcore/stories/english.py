"""English tales: somebody with a name and a home wants something, meets somebody else, and all ends well.

A tale is an opening (who lived where) and one of ten plots. Plots are made of *frames*, sentences with gaps:

    [food]          says one item of the list "food" below
    [a food:lunch]  says it after "a" or "an", and remembers it as "lunch"
    {lunch}         says again what was remembered
    {then}          says what goes with the item that was chosen: the answer to a riddle, "rang" for a bell
    [there]         where "in" is remembered as "there", says one item of the list "in"

`Tale.say` is handed one frame, or several to choose from. Earlier items of a list, and earlier frames, are likelier.
Whatever is chosen is spoken at once, so every text comes about in one way only.
"""

import re
from functools import cache

from gptcore.stories.source import Choose, Options

SHE = {"he": "she", "him": "her", "his": "her", "He": "She", "His": "Her"}
HE = {word: word for word in SHE}

# One list a line. The order is the order of likelihood: an item's weight is rank ** -TILT.
TILT = 0.6
_LISTS = """
# The hero: a little fox named Mira, by a quiet river.
trait: little, brave, kind, clever, young, shy, merry, curious, gentle, small, cheerful, lonely, truthful, patient,
  sleepy, quiet, stubborn, friendly, dreamy, careful, clumsy, bold, thoughtful, hopeful, humble, playful, generous,
  restless, timid, nimble, polite, jolly, wise, forgetful, scruffy, lively, daring, cautious, nosy, bashful, plucky,
  earnest, tidy, modest, mischievous
kind: fox, girl, rabbit, boy, mouse, bear, miller, hedgehog, princess, cat, shepherd, squirrel, baker, badger, prince,
  otter, weaver, hare, tailor, mole, goat, gardener, donkey, sailor, kitten, potter, wolf, farmer, lamb, painter,
  puppy, fiddler, beaver, woodcutter, dormouse, carpenter, pony, clockmaker, hamster, shoemaker, fawn, beekeeper,
  piglet, blacksmith, raccoon, pedlar, weasel, juggler, marten
her name: Mira, Anna, Lily, Rosa, Ella, Nora, Clara, Ida, Mabel, Tilly, Greta, Hazel, Lotte, Nina, Olive, Ruby,
  Stella, Vera, Wilma, Zora, Fern, Edith, Dora, Bella, Juna, Kira, Maud, Pearl, Selma, Thea, Agnes, Bertha, Cora,
  Elsa, Flora, Gilda, Hedda, Ines, Lucy, Martha
his name: Tom, Max, Oscar, Finn, Hugo, Leo, Sam, Otto, Jasper, Emil, Felix, Rufus, Arlo, Bruno, Caspar, Duncan, Edgar,
  Gus, Henry, Igor, Jonas, Kasimir, Linus, Milo, Ned, Percy, Rollo, Silas, Toby, Victor, Albert, Basil, Conrad,
  Dexter, Fergus, George, Harold, Ivan, Jacob, Magnus
where: in, by, on, near
in: valley, village, forest, meadow, garden, wood, town, orchard, glade, marsh
by: river, lake, stream, pond, brook, canal, creek, waterfall
on: hill, mountain, farm, moor, hillside, heath
near: castle, mill, bridge, windmill, chapel, tower, quarry
view: quiet, misty, sunny, windy, peaceful, snowy, lonely, hidden, green, pretty, faraway, secret, foggy, breezy,
  lovely, distant, silent, enchanted, forgotten, frosty, remote, nameless, shady, tranquil, rainy, drowsy, ancient
when: the moon was young, wishes still came true, nobody was in a hurry, giants kept bees, stars were closer, the
  hills were new, winters were longer, rivers could talk, kings rode on goats, bread cost nothing, cats wore boots,
  the world was quieter, trees told secrets
# Others: family, friends (never of a kind that a hero can be), the feared, and the small.
kin: grandmother, mother, grandfather, father, aunt, sister, uncle, brother, cousin, godmother, neighbour, niece,
  nephew, teacher, godfather
look: old, wise, grey, tiny, plump, black, speckled, solemn, brown, kindly, white, chatty, thin, elderly, ragged,
  grumpy, dusty, nervous, weary, handsome, dignified, mysterious, talkative, gloomy, wrinkled, round, silvery, proud
friend: owl, crow, robin, toad, tortoise, frog, heron, sparrow, goose, snail, magpie, duck, raven, cricket, swan,
  beetle, stork, hen, turtle, lark, rooster, swallow, grasshopper, wren, pigeon, spider, blackbird, seagull, lizard,
  cuckoo, woodpecker, nightingale, newt, finch, pelican, peacock, crane, jackdaw, kingfisher, pheasant, thrush, bat,
  puffin, parrot, hawk, flamingo, partridge, penguin
relatives: cousins, brothers, sisters, friends, uncles, aunts, neighbours, grandchildren, nephews
grim: grumpy, huge, fierce, hairy, ugly, green, gigantic, cruel, hungry, warty, terrible, toothless, dreadful, gloomy,
  bearded, smelly, savage, purple, enormous, frightful
monster: troll, giant, dragon, ogre, goblin, witch, griffin, wizard, ghost, serpent, gnome, werewolf, cyclops,
  vampire, bogeyman, sorcerer
beast: bull, wolf, ram, bear, boar, gander, lynx, wildcat
crowd: ants, ladybirds, fireflies, bees, moths, caterpillars, butterflies, dragonflies, worms, earwigs, fleas, gnats,
  woodlice, glow-worms, slugs, centipedes, wasps
small: tiny, merry, polite, sleepy, busy, noisy, hungry, barefoot, elegant, dizzy, excited, curious, happy, drowsy,
  freckled
playing: dancing, sleeping, singing, whispering, playing leapfrog, having a picnic, telling jokes, drinking tea,
  holding a wedding, snoring, marching, giggling, playing chess, yawning, waltzing, humming, juggling crumbs, playing
  tag, blowing bubbles, reading newspapers, turning cartwheels
# Things: a golden key, a basket of fresh apples.
make: golden, silver, tiny, old, wooden, copper, shining, painted, brass, blue, red, carved, polished, plain, green,
  rusty, beautiful, strange, bronze, battered, dented, white, yellow, fine, pewter, crooked, dusty, precious, iron,
  purple, gleaming, ancient
thing: key, lantern, bell, ring, cup, whistle, mirror, spoon, flute, box, locket, compass, clock, teapot, drum,
  thimble, brooch, comb, bowl, kettle, lamp, trumpet, harp, crown, bracelet, buckle, horn, jug, medal, candlestick,
  pocket watch, spinning top, weathercock, telescope, pendant, inkwell, sundial, plate, music box, ladle
sounder: bell = rang, whistle = blew, drum = beat, flute = played, horn = blew, trumpet = blew, fiddle = played, harp
  = played, rattle = shook, gong = struck, mouth organ = played, tambourine = shook
light: lantern, candle, lamp, torch, oil lamp, candlestick
basket: basket, bag, pot, bucket, box, jar, sack, knapsack, suitcase, hatbox, barrel
pot: teapot, bucket, flowerpot, bathtub, boot, kettle, wheelbarrow, bowl, barrel, drawer, jug, hat, soup pot, basin
food: honey cakes, apples, gingerbread, pears, blueberry muffins, cheese, plums, walnuts, pancakes, cherries,
  strawberry tarts, bread rolls, raisin buns, chestnuts, oat biscuits, blackberries, peaches, carrots, apricots,
  cinnamon rolls, hazelnuts, waffles, doughnuts, pumpkin scones, mushroom pies, potatoes, figs, toffee, macaroons,
  marzipan, pretzels, dates, raspberries, pickles, turnips, cream puffs, crumpets, almonds, grapes, radishes
tasty: fresh, delicious, tasty, excellent, splendid, wonderful, tempting, fine, good, marvellous, lovely, fragrant,
  perfect, heavenly
drink: tea, cocoa, soup, milk, cider, broth, lemonade, porridge, chocolate, punch
junk: sock, feather, slipper, cork, mitten, cobweb, bootlace, glove, walnut shell, marble, candle end, sponge, pea
worn: lonely, old, torn, mouldy, dusty, knitted, grey, forgotten, soggy, ragged, tattered
cloth: scarf, blanket, shawl, coat, cap, cloak, quilt, jacket, cardigan, waistcoat, nightcap, bonnet, dressing gown,
  pullover, sweater, poncho
wear: scarf, cap, coat, hat, shawl, cloak, jacket, cardigan, waistcoat, nightcap, bonnet, apron, dressing gown,
  pullover, bow tie, raincoat, collar, sweater, poncho, turban
soft: warm, woolly, soft, striped, thick, patched, red, blue, checked, dotted, knitted, fluffy, crocheted, yellow,
  green, velvet, silk, threadbare, faded, embroidered, pink, tartan
riches: castle, crown, white horse, sack of diamonds, flying carpet, throne, mountain of cake, balloon, tame lion,
  pirate hat
treat: ship, golden coach, silk coat, brass band, hot bath, feather bed, swimming pool, tree house, singing fish
crop: pumpkin, bean, turnip, sunflower, melon, cabbage, strawberry, marrow, beetroot, cucumber, tomato, leek, carrot,
  radish, parsnip, lettuce
huge: barn, cottage, haystack, church, windmill, cow, carriage, hippopotamus, house, whale, hill, ship, tower
timber: logs, reeds, planks, barrels, branches, doors, bark, baskets, bathtubs, fence posts
glow: fireflies, glow-worms, a candle end, a lantern, matches, glowing mushrooms, a burning stick
sound: church bells, cuckoos, crickets, waves, cowbells, frogs, foghorn, bagpipes, fiddles, drums, geese
# Where and when.
under: bed, table, stairs, hedge, haystack, doorstep, bench, cart, carpet, bridge, apple tree, armchair
behind: stove, barn, well, woodpile, curtain, henhouse, bookshelf, stable, clock, water barrel, beehives, shed
hide: under the bed, behind the curtain, in the wardrobe, beneath the quilt, under the table, in the bathtub,
  behind the stove, in the flour bin, inside the clock
plants: ferns, reeds, roses, brambles, nettles, daisies, cabbages, bluebells, pumpkins, mushrooms, poppies, turnips,
  tulips, thistles, buttercups, violets, marigolds, raspberries, lilies, sunflowers, bulrushes, foxgloves
tree: oak, pine, birch, elm, beech, chestnut, willow, poplar, ash, cedar, maple, larch
market: market, fair, harbour, flower show, festival, bakery, carnival, bazaar, post office, flea market
errand: market, city, harbour, bakery, fair, library, post office, school, bazaar, palace, monastery
stop: crossroads, well, milestone, old oak, stone bridge, signpost, ferry, fountain, gate, hollow tree, ford
shelter: cottage, hut, cabin, inn, mill, farmhouse, tower, barn, houseboat, caravan, tree house, lodge
route: over the hills, through the forest, past the mill, across the fields, along the river, through the tall grass,
  down the lane, past the windmill, through the mud, across the moor, under the pines, around the lake, up the winding
  path, past the sleeping cows, through the wheat, between the birches, along the cliffs, past the scarecrow, through
  the nettles, down the valley, past the beehives, across the stepping stones, through the heather, along the garden
  wall, past the lonely chapel, through the puddles, under the stars, past the crooked willow
wonder: sea, palace, volcano, desert, glacier, lighthouse, circus, jungle, canyon, temple, cathedral, iceberg,
  carnival, geyser, oasis, whirlpool, observatory, pyramid, opera, museum, zoo, lagoon, equator
weather: rainy, sunny, windy, misty, cold, bright, foggy, grey, warm, stormy, cloudy, chilly, golden, frosty, dewy,
  breezy, damp, drizzly, gloomy, clear, crisp, dark, mild, hazy, blustery
storm: storm, thunderstorm, gale, hailstorm, tempest, downpour, cloudburst, hurricane
season: autumn, winter, spring, summer, November, October, December, April, March, September
soon: sunset, supper, nightfall, midnight, dusk, bedtime, moonrise, dinner, teatime, twilight
early: sunrise, dawn, breakfast, morning, daybreak, cockcrow
since: yesterday, Monday, last week, Sunday, breakfast, Tuesday, sunrise, Friday, noon, Thursday
slow: day, morning, night, afternoon, week, weekend, evening, Sunday, Monday, noon
while: days, weeks, months, hours, nights, years
hour: midnight, bedtime, eleven, ten, twelve, nine, one, two, moonrise
nth: third, seventh, fifth, second, fourth, ninth, tenth, sixth, twelfth
number: three, seven, five, two, nine, twelve, four, six, a hundred, eight, ten, twenty, forty, eleven, thirteen
# How, and what is done.
sad: sad, unhappy, worried, miserable, gloomy, upset, glum, troubled, sorrowful, heartbroken, anxious, forlorn,
  downhearted, weary, dejected
glad: happy, proud, glad, joyful, grateful, delighted, thankful, overjoyed, pleased, contented, relieved, cheerful
wants: cold, lonely, hungry, lost, wet, homesick, thirsty, bored, frightened, sleepless
how: softly, gently, quietly, slowly, calmly, politely, thoughtfully, solemnly, shyly, gravely, hoarsely, earnestly,
  dreamily, at last, patiently, seriously, hopefully, honestly, in a low voice, carefully
brightly: kindly, cheerfully, warmly, brightly, sweetly, proudly, merrily, gladly, happily, fondly, tenderly,
  joyfully, with a smile, with a wink, with a bow
said: said, answered, replied, whispered, murmured, declared, announced
spoke: said, whispered, murmured, declared, announced, remarked
asked: asked, inquired, wondered
grander: bigger, brighter, lovelier, grander, stranger, finer, nobler, quieter, livelier, wilder, older
finest: finest, loveliest, best, dearest, prettiest, grandest, brightest
went: walked, hurried, ran, wandered, trotted, marched, tramped, skipped, crept, rushed, strolled, trudged, raced,
  plodded, tiptoed, scurried, strode, bounded, rambled, scampered, stumbled, dashed
came: came along, knocked at the door, looked over the fence, stopped at the gate, peeped in at the window, sat down
  close by, came hobbling past, woke from a nap nearby, crawled out from a flowerpot
gave: given, left, sent, brought, bought, lent
able: dance, sing, laugh, run, whistle, play leapfrog, climb stairs, turn somersaults, juggle, skip, waltz, yodel
care: sang to it, told it stories, read it poems, talked to it, whistled to it, kissed it goodnight, tickled it,
  measured it, covered it with straw, played it a waltz, wished it luck, told it jokes
task: digging in the garden, fishing, picking mushrooms, sweeping the attic, gathering firewood, mending the roof,
  looking for snails, chasing a hat, baking bread, cleaning the chimney, planting beans, hunting for eggs, flying a
  kite, climbing a tree, raking leaves, fetching water, hanging up socks, painting a fence, searching for treasure,
  digging a pond
song: lullaby, song, tune, hymn, ballad, polka, waltz, melody, serenade
stories: stories, jokes, riddles, secrets, fairy tales, ghost stories, poems, memories, adventures, legends, dreams,
  fables
loves: stories, jokes, riddles, puddles, thunder, music, snowflakes, rainbows, poems, sunsets, parades, old maps,
  kites, feathers, marbles, long walks, fairy tales, sea shells
cried: cried, called, shouted, exclaimed, sang
laughed: laughed, scoffed, giggled, chuckled, snorted, grinned, sneered
suddenly: Just then, A moment later, At that moment, Before long, After a while, By and by, All at once
finally: At last, In the end, One morning, One evening, At long last, Early one day
ripe: autumn, September, harvest time, August, October, July, midsummer
guarded: guarded, watched, blocked, ruled
groaned: groaned, creaked, bent, shook, trembled, swayed, rattled
began: began, came, broke, arrived
glimmer: light, glow, gleam, flicker, lantern, candle
hid: hid, crouched, shivered, trembled, curled up, lay still
looked: looked, seemed, felt
fetched: fetched, brought, found, offered
noise: tapping, scratching, humming, moaning, rustling, whistling, sobbing, creaking, knocking, rattling, sighing,
  thumping, squeaking, grumbling, sniffling
howled: howled, roared, whistled, screamed, moaned, raged, shrieked, bellowed, wailed, thundered
growled: growled, roared, grunted, hissed, bellowed, thundered, snarled, grumbled, snorted, rumbled, barked
startled: fell into a ditch, laughed for a week, began to dance, sat down in the mud, forgot to be angry, started to
  hiccup, ate a whole bush, turned three somersaults, burst into song, blushed, sneezed, clapped like thunder, wept
  for joy, fainted, nodded, bowed, grinned, scratched both ears
shone: shone, glowed, trembled, sparkled, blinked, hummed, glittered, sneezed
# After "=" stands what {then} will say.
chore: sweep my floor = swept the floor, chop my wood = chopped the wood, wash my windows = washed the windows, feed
  my chickens = fed the chickens, mend my roof = mended the roof, sing me a song = sang, dig my garden = dug the
  garden, paint my door = painted the door, peel my potatoes = peeled potatoes, polish my boots = polished boots, milk
  my cow = milked the cow, tell me a story = told stories, knit me a scarf = knitted, pick my cherries = picked
  cherries, dance for me = danced, count my beans = counted beans
riddle: What has a neck but no head = A bottle, What runs all day but never leaves its bed = A river, What has teeth
  but cannot bite = A comb, What has hands but cannot clap = A clock, What has a hundred leaves but is not a tree = A
  book, What grows bigger the more you take away = A hole, What fills a whole room but weighs nothing = Light, What
  has an eye but cannot see = A needle, What follows you all day and hides at night = My shadow, What gets wetter the
  more it dries = A towel, What falls all winter and never gets hurt = The snow, What climbs every hill but never
  moves = A path, What wears a hat but has no head = A mushroom, What must be broken before it is eaten = An egg, What
  sings in the trees but has no mouth = The wind, What grows shorter the longer it stands = A candle, What eats wood
  but is never full = Fire, What has a tongue but cannot talk = A shoe, What has ears but hears nothing = A field of
  corn, What crosses the river without getting wet = A bridge
need: lost in the wood = would find the way home, hungry = would never be hungry again, shivering with cold = would be
  warm all winter, old and tired = would be young and strong, all alone = would never be lonely again, far from home =
  would be home by supper, too sad to sing = would be merry again, afraid of the dark = would never be afraid again
trouble: fell into a deep pit = pulled {him} out with a rope of ivy, got lost in a thick fog = led {him} safely home,
  was caught by a hungry ogre = tickled the ogre until it ran away, got stuck in a chimney = pushed and pulled until
  {he} popped out, drifted away on a leaky raft = towed {him} back to the bank, was tangled in a bramble bush =
  nibbled {him} free, was locked in a dark cellar = dug a tunnel to let {him} out, sank up to the neck in a bog =
  dragged {him} out with a long vine, lost the way in a dark forest = lit a trail of lanterns, was trapped on a high
  cliff = showed {him} a hidden stair
"""
ONLY_HERS, ONLY_HIS = ("girl", "princess"), ("boy", "prince")
_FIELD = re.compile(r"( ?)(?:\[(a )?([\w ]+)(?::(\w+))?\]|\{(\w+)\})")


def _read_lists(text: str) -> dict[str, dict[str, str]]:
    """{name of a list: {item: what {then} will say, mostly nothing}}"""
    lists = {}
    for entry in re.split(r"\n(?! )", text.strip()):
        name, _, items = entry.partition(": ")
        if not name.startswith("#"):
            lists[name] = dict(item.partition(" = ")[::2] for item in " ".join(items.split()).split(", "))
    return lists


LISTS = _read_lists(_LISTS)
LISTS["name"] = dict(
    pair for pairs in zip(LISTS["her name"].items(), LISTS["his name"].items(), strict=True) for pair in pairs
)


@cache
def _items(list_name: str, article: bool, space: str) -> Options:
    """The items of a list as they are spoken; `choose` returns the bare item."""
    articles = {item: ("an " if item[0] in "aeiou" else "a ") if article else "" for item in LISTS[list_name]}
    return Options({space + articles[item] + item: item for item in articles}, TILT)


@cache
def _forks(heads: tuple[str, ...]) -> Options:
    """The beginnings of several frames; `choose` returns the number of the frame."""
    return Options({head: i for i, head in enumerate(heads)}, tilt=0.3)


class Tale:
    """A story being told: it speaks through `choose`, and `memory` holds what may be said again."""

    def __init__(self, choose: Choose):
        self.choose = choose
        self.memory: dict[str, str] = {}

    def pick(self, list_name: str, key: str | None = None, article: bool = False, space: str = " ") -> str:
        """Say an item of a list and remember it as `key`."""
        if list_name not in LISTS:
            list_name = self.memory[list_name]
        item = self.choose(_items(list_name, article, space))
        self.memory["then"] = self._recall(LISTS[list_name][item]) or self.memory.get("then", "")
        if key:
            self.memory[key] = item
        return item

    def say(self, *frames: str) -> int:
        """Say one of the frames and return its number; before their first [gap] they must differ."""
        number, said = 0, 0
        if len(frames) > 1:
            ends = [_first_gap(frame) for frame in frames]
            heads = [self._recall(frame[:end]) for frame, end in zip(frames, ends, strict=True)]
            number = self.choose(_forks(tuple(heads)))
            said = ends[number]
        frame = frames[number]
        for match in _FIELD.finditer(frame, said):
            self._speak(frame[said : match.start()])
            space, article, list_name, key, recalled = match.groups()
            if recalled:
                self._speak(space + self.memory[recalled])
            else:
                self.pick(list_name, key, bool(article), space)
            said = match.end()
        self._speak(frame[said:])
        return number

    def _speak(self, text: str) -> None:
        if text:
            self.choose(text)

    def _recall(self, text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda match: self.memory[match[1]], text)


@cache
def _first_gap(frame: str) -> int:
    """Where the first [gap] of a frame begins, with the space before it."""
    match = re.search(r" ?\[", frame)
    return match.start() if match else len(frame)


def opening(tale: Tale) -> None:
    """Who lived where; the name decides between "he" and "she"."""
    form = tale.say(
        "Once upon a time there lived [where:there] [a view] [there:home] [a trait:trait] [kind:kind] named",
        "Once upon a time there was [a trait:trait] [kind:kind] called",
        "Once upon a time, when [when], [a trait:trait] [kind:kind] named",
    )
    kind = tale.memory["kind"]
    names = "her name" if kind in ONLY_HERS else "his name" if kind in ONLY_HIS else "name"
    name = tale.pick(names, "name")
    tale.memory |= SHE if name in LISTS["her name"] else HE
    home = " lived [where:there] [a view] [there:home]."
    tale.say([".", ", who" + home, home][form])


def meet(tale: Tale, before: str, after: str) -> None:
    """A friend appears, between what is said before and after."""
    tale.say(before + " [a look:look] [friend:friend] in [a soft:soft] [wear:wear]" + after)


def lost(tale: Tale) -> None:
    """A treasure is lost, and is found where nobody expected it."""
    tale.say(" {name} loved [a make:make] [thing:thing] that {his} [kin] had [gave] {him}.")
    tale.say(
        " But one [weather] [season] morning it was gone.",
        " Then came [a weather] morning when the {thing} was gone.",
        " When {he} woke one [weather] morning, it was not there.",
    )
    tale.say(
        " {name} looked under the [under] and behind the [behind], but found only [a worn] [junk].",
        " {He} searched among the [plants], and even behind the [behind], but there was only [a worn] [junk].",
        " Under the [under] there was [a worn] [junk], and behind the [behind] [number] [crowd], but no {thing}.",
    )
    tale.say(" {He} felt too [sad:mood] to eat even [tasty] [food:food].")
    meet(tale, " [suddenly]", " [came].")
    tale.say(
        ' "Why are you so {mood}?" [asked] the {friend}. "My {make} {thing} is gone," [said] {name} [how].',
        ' "I have lost my {make} {thing}," [spoke] {name} [how].',
    )
    tale.say(
        ' "Follow me!" [cried] the {friend}, and they [went] [route].',
        ' "I know where it is," [said] the {friend} [brightly], and they [went] [route].',
    )
    tale.say(" There among the [plants] lay the {thing}, with [number] [small] [crowd:crowd] [playing] around it.")
    tale.say(
        " {name} thanked the {friend} with some {food}, and was not {mood} any more.",
        ' "Let the {crowd} keep it until [soon]," [spoke] the {trait} {kind} [brightly].',
        " That night {name} fell asleep with the {make} {thing} beside {his} pillow, dreaming of [food].",
    )


def letter(tale: Tale) -> None:
    """A promise to a sick friend is kept."""
    meet(tale, " from", ", who lay ill.")
    tale.say(
        ' "I dream of [tasty] [food:food]," it said.', " It smelled of [plants] and asked for [tasty] [food:food]."
    )
    tale.say(' "You shall have some before [soon:soon]," [said] {name}, and filled [a make:make] [basket:basket].')
    tale.say(" Off {he} [went] with the {food}, [route] and into the [weather] [season] wind.")
    obstacle(tale, "he")
    tale.say(" Just before {soon} the {friend} heard a knock.", " It was nearly {soon} when {he} arrived.")
    tale.say(' "You came!" [cried] the {friend} [brightly].', ' "Dear {name}!" [cried] the {friend} [brightly].')
    tale.say(" By [early] the {make} {basket} was empty, and the {look} {friend} could [able] again.")
    tale.say(
        " {name} was [glad], for a promise is a promise.",
        " Ever after, when somebody was ill, {name} came with [a make] {basket} full of [food].",
        " Some say it was the {food}, but I say it was the friendship.",
        " Then they sang [a song] about [loves] to [number] [small] [crowd].",
    )


def obstacle(tale: Tale, who: str) -> None:
    """Something stands in the way of `who`, "he" (the hero) or "they", and is overcome."""
    tale.memory["who"] = tale.memory.get(who, who)
    tale.say(
        " A flood had washed away the bridge, so {who} built a raft from [timber].",
        " Thick fog had swallowed the path, so {who} followed the sound of [sound].",
        " A fallen [tree] blocked the road, so {who} crept under it with [number] [small] [crowd].",
        " The forest was as dark as a cellar, so {who} walked by the light of [glow].",
        " In the way stood [a grim] [beast:beast], so {who} sang [a song] until the {beast} fell asleep.",
        " The road turned into mud, so {who} jumped from stone to stone, [number] stones in all.",
    )


def riddle(tale: Tale) -> None:
    """The right answer opens the road."""
    tale.say(" the only road to the [errand:errand] was [guarded] by [a grim:grim] [monster:monster].")
    tale.say(
        " One [weather] [season] morning {his} [kin:kin] sent {name} there to fetch [a make:make] [thing:thing].",
        " But {his} [kin:kin] needed [a make:make] [thing:thing] from there, and {name} was not afraid.",
    )
    tale.say(" {He} [went] [route], with [food:food] in {his} pocket, and there stood the {monster}.")
    tale.say(' "Stop!" [growled] the {monster}. "[riddle]?"', ' "Tell me this," [growled] the {monster}. "[riddle]?"')
    tale.say(
        " {name} thought and thought, and watched [number] [small] [crowd] go by.",
        " {name} ate some [tasty] {food} and thought about it until [soon].",
        " The {trait} {kind} looked at the [plants], and counted [number] [crowd].",
    )
    tale.say(' "{then}," {he} [said] [how].')
    tale.say(" The {grim} {monster} [startled], and let {him} pass.")
    tale.say(" So {name} fetched the {make} {thing} from the {errand}, and {his} {kin} was [glad].")
    tale.say(
        " On the way home {name} taught the {monster} [number] new riddles about [food] and [crowd].",
        " Since then the {monster} comes to visit every [slow], for some [tasty] [food] and a new riddle.",
        ' "And the {monster}?" [asked] {his} {kin}. "We are friends now," [said] {name} [brightly].',
    )


def storm(tale: Tale) -> None:
    """Shelter is found in bad weather, and the host is thanked."""
    tale.say(" [season] evening {name} was carrying home [a make:make] [thing:thing] from the [market].")
    tale.say(" [suddenly] [a storm:storm] [began], the wind [howled] and the [tree] trees [groaned].")
    tale.say(
        " Then there was a [glimmer] in the window of [a view] [shelter:shelter].",
        " Behind the [plants] {he} saw the [glimmer] of [a view] [shelter:shelter].",
    )
    meet(tale, ' "Come in!" [cried]', ", and poured hot [drink].")
    tale.say(
        " They ate [tasty] [food:food] and told each other [stories] until the {storm} was over.",
        " They sat by the fire, ate [tasty] [food:food] and sang [a song] about [loves].",
    )
    tale.say(" The next morning was [weather], and {name} put the {make} {thing} on the table.")
    tale.say(' "Keep it," [spoke] the {trait} {kind} [brightly], "and think of me when the wind blows."')
    tale.say(
        " To this day the {thing} stands in the {shelter}, between [a worn] [junk] and some {food}.",
        " And in every {storm} the {look} {friend} looks at the {make} {thing} and is [glad].",
        " Since then the two friends meet every [slow] {there} the {home}, for [food] and [drink].",
    )


def birthday(tale: Tale) -> None:
    """A gift is earned."""
    tale.say(" the birthday of {his} [kin:kin], and {name} had only [number] pennies and [a worn] [junk].")
    tale.say(
        " At the [market:market] {he} found [a make:make] [thing:thing].",
        " {He} dreamed of [a make:make] [thing:thing] that was for sale at the [market:market].",
    )
    meet(tale, " It belonged to", ".")
    tale.say(
        ' "It costs more than you have," [spoke] the {friend} [how], "but if you [chore], it is yours."',
        ' "Keep your pennies," [spoke] the {friend} [how]. "If you [chore], it is yours."',
    )
    tale.say(" So the {trait} {kind} {then} until [soon], and [went] home [route] with the {make} {thing}.")
    tale.say(" On the birthday there was [tasty] [drink], and everybody ate [food:food] and sang [a song].")
    tale.say(' "This is the [finest] {thing} in the world," [spoke] {his} {kin} [brightly].')
    tale.say(
        ' "But the best gift of all," {he} heard, "is you."',
        " {name} was so [glad] that {he} gave {food} to the {friend} and to all the [crowd].",
        " And who came to the party? The {look} {friend}, with [number] [small] [crowd] [playing].",
    )


def stranger(tale: Tale) -> None:
    """Kindness comes back."""
    meet(tale, " the [market] one [weather] day, {name} met", " by the [stop].")
    tale.say(
        ' "I have eaten nothing since [since]," [spoke] the {friend} [how].',
        ' "Do I smell [tasty] [food:food]?" [asked] the {friend} [how].',
    )
    if "food" in tale.memory:
        tale.say(" {name} gave away every bit, and some [drink] too.")
    else:
        tale.say(" {name} had [a make] [basket] of [tasty] [food:food], and {he} gave it all away.")
    tale.say(' "Take this [make:make] [sounder:thing]," [spoke] the {friend} [brightly].')
    tale.memory["did"] = tale.memory["then"]
    tale.say(' "If you are ever in trouble, let me hear it."')
    tale.say(" A few [while] later, one [weather] [season] evening, {name} [trouble].")
    tale.say(" {He} {did} the {thing} [number] times, and soon the {friend} came with [number] [small] [relatives].")
    tale.say(" They {then}.")
    tale.say(
        ' "One good turn deserves another," [spoke] the {friend} [how], and they all ate {food} until [soon].',
        " Since then {name} has always kept some {food} {there} the {home} for anyone who is hungry.",
        " {name} kept the {make} {thing} beside [a worn] [junk], and never was {he} [sad] again.",
    )


def journey(tale: Tale) -> None:
    """An old dream comes true."""
    tale.say(" {he} could remember, {name} had wanted to see the [wonder:goal].")
    tale.say(" One [weather] [season] morning {he} packed [tasty] [food:food] and [a make:make] [thing:thing].")
    meet(tale, " By the [stop] {he} met", ".")
    tale.say(
        ' "Where are you going, {trait} {kind}?" [asked] the {friend}. "To the {goal}," [said] {name} [how].',
        ' "Come with me to the {goal}!" [cried] {name} [brightly].',
    )
    tale.say(" For [number] [weather] days they [went] [route].")
    obstacle(tale, "they")
    tale.say(" [finally] they saw the {goal}, [grander] than in any dream.")
    tale.say(
        " They ate the {food} there until [soon], and {name} left the {make} {thing} for the next traveller.",
        ' "Take my {make} {thing} to remember this day," [spoke] {name} [brightly], and they shared the {food}.',
    )
    tale.say(
        " When {he} was back {there} the {home}, even the [crowd] wanted to hear about the {goal}.",
        ' "And tomorrow," [spoke] the {look} {friend} [brightly], "we shall go and see the [wonder]."',
        " Then the two friends [went] home [route], and they were [glad] ever after.",
    )


def night(tale: Tale) -> None:
    """What sounds frightening may only be lonely."""
    tale.say(" at [hour], {name} heard [a noise:noise] behind the [behind].")
    tale.say(' "It must be [a grim:grim] [monster:monster]," thought the {trait} {kind}, and [hid] [hide].')
    tale.say(" But on the [nth] night {he} took [a make:make] [light:thing] and [went] outside.")
    meet(tale, " There was no {monster}, only", " among the [plants].")
    tale.say(
        ' "Why do you make that {noise}?" [asked] {name}. "Because I am [wants:wants]," [said] the {friend} [how].',
        ' "I am so [wants:wants]," [spoke] the {friend} [how].',
    )
    tale.say(" So {name} [fetched] [a soft] [cloth], a cup of [drink] and [tasty] [food:food].")
    tale.say(
        " They sat by the light of the {make} {thing} and told each other [stories] until [early].",
        " They put the {thing} on the grass, sang [a song] and ate {food} with [number] [small] [crowd].",
    )
    tale.say(
        " After that the {friend} was never {wants} again, and the {noise} was never heard any more.",
        ' Now, when there is [a noise] at night, {name} takes the {thing} and calls, "Come in, dear {friend}!"',
        " So if you hear [a noise] tonight, be brave, and put some [food] behind the [behind].",
    )


def wish(tale: Tale) -> None:
    """One wish is enough, if it is for somebody else."""
    tale.say(" [task] one [weather] [season] day, {name} found [a make:make] [thing:thing].")
    tale.say(' "I grant one wish," [spoke] the {thing} [how].')
    tale.say(" What should it be, [a riches:riches], [a treat] or [number] baskets of [tasty] [food:food]?")
    meet(tale, " {name} [went] [route], thinking about it, and met", ".")
    tale.say(" The {friend} was [need] and [looked] [sad].")
    tale.say(' "I wish that this {friend} {then}," [spoke] the {trait} {kind} [how].')
    tale.say(" The {make} {thing} [shone] [number] times, and so it was.")
    tale.say(
        " It never spoke again, but {name} had a friend, and that was better than any {riches}.",
        " From that day on they ate [tasty] [food] {there} the {home} every [slow], and told each other [stories].",
        " Nobody ever gave {name} a {riches}, but {he} was [glad] all the same.",
        ' "Thank you," [spoke] the {friend} [brightly], and gave {him} the {soft} {wear}.',
    )


def seed(tale: Tale) -> None:
    """Patience grows big things."""
    tale.say(" {name} planted a [crop:crop] seed in [a make:make] [pot:pot].")
    meet(tale, ' "Nothing will ever grow in that {pot}," [laughed]', ".")
    tale.say(" But every [slow] the {trait} {kind} watered it and [care].")
    tale.say(
        " Then, one [weather] morning, a leaf looked out of the {pot}.",
        " At first only [number] [small] [crowd] came to look, but {name} waited.",
    )
    tale.say(
        " By [ripe] the {crop} was as big as [a huge], and it took [number] [relatives] to bring it to the [market]."
    )
    tale.say(' "I was wrong," [spoke] the {look} {friend} [how]. "May I have a piece?"')
    tale.say(' "Have two!" [cried] {name} [brightly], and everybody ate {crop} soup and {crop} pie until [soon].')
    tale.say(
        " The next year the {friend} planted a {crop} seed too, in [a make] [pot], and [care].",
        " The {make} {pot} stands {there} the {home} to this day, full of [plants] and [crowd].",
        " They were all so [glad] that they danced around the {make} {pot} with [number] [crowd].",
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


def tell(choose: Choose) -> None:
    """Tell one tale; ask `choose` for every choice."""
    tale = Tale(choose)
    opening(tale)
    plot = choose(PLOTS)
    plot(tale)
