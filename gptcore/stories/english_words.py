"""The words of the English tales. In every list the likeliest items come first."""

from gptcore.stories.tale import read_lists

LISTS = read_lists(
    """
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
# Others: family, friends (never of the same kind as a hero), the feared, and the small.
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
# After "=": what {then} says.
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
""",
    separator=", ",
)
