package guardtest

// prose is what [English] was learned from. A change of it changes the pieces of every text.
const prose = `The harbour office opens at seven in the morning, and the first boats are already waiting outside the wall. There is a
list on the door with the names of the ships, the berth that each of them was given, and the time when the pilot will come.
Most of the captains know the way. They have been here before, and they will be here again before the year is over. Those
who have not are told to keep the red light on their left hand and the white one straight ahead, and not to trust the chart
that is older than the new pier.

"What is the depth at the outer berth?" asked the mate. "It is about four metres at low water," the clerk answered, "and
there should be something like six when the tide has come in. If you are not sure, please ask the pilot; he has done this
for thirty years." She wrote the number down, thanked him, and went back to her ship. It's not that she didn't believe him,
but she'd seen other harbours where the people who said that they were sure had never been in a boat.

In the afternoon the wind came from the north and it began to rain. The water in the basin was grey and the gulls stood on
the stones with their heads turned away. Two men were repairing a net under the roof of the old market, and a third was
reading to them from the newspaper: a story about a company that had sold the same machine to three different customers, and
about the judge who had to decide which of them it really belonged to. None of them was surprised by the answer.

The following information may be of use to anyone who is writing a program for this service. Every request has a name, a
version, and a message; every response has a status and a text. For example, the response to a question about the weather
could be {"status": "ok", "text": "It will rain tomorrow, with a temperature of 12 degrees."} and the answer to a request that
cannot be understood is {"status": "error", "text": "I am sorry, but I do not understand the question."}. The value of the
first field is never empty. If the connection is closed before the end of the message, the client should try again after
some seconds, but no more than three times, because the other users of the system would have to wait for it. You can
contact us at any time: write to office@harbour.example or call 555 0100, and tell us what you were doing when it happened.

Here is how it works. First, the system reads the whole text and makes a list of the words that are in it. Then it looks
for each of these words in the table, and if there is one that it does not know, it takes the parts that it does know and
puts them together. This is done again and again until nothing is left. The result is a list of numbers, one for every part,
and it is this list that the model works with. When the model has made its answer, which is a list of numbers too, the same
table is used to turn it back into text that people can read. Sometimes a single letter takes two or three numbers, and
then nothing can be shown before the last of them has come.
`
