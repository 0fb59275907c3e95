"""Chat with a server through the official OpenAI client, plain and streamed, and check what it answers.

    python openai_client.py BASE_URL [--ca FILE] [--model NAME] [--key KEY] [--prompt TEXT]

BASE_URL ends in /v1. Prints one JSON object with what was seen; exits with an error where a check fails.
"""

import argparse
import json
import ssl
import sys

import openai


def check(ok, what):
    """Fail with a sentence; unlike assert, also under python -O."""
    if not ok:
        sys.exit(f"openai_client: {what}")


def plain(client, ask):
    """One answer as a whole: its text, finish reason and usage."""
    r = client.chat.completions.create(**ask)
    check(r.object == "chat.completion" and len(r.choices) == 1, "no single completion")
    choice = r.choices[0]
    check(choice.message.role == "assistant" and choice.message.content, "no text")
    check(r.usage.total_tokens == r.usage.prompt_tokens + r.usage.completion_tokens > 0, "usage does not add up")
    return choice.message.content, choice.finish_reason, r.usage.to_dict()


def streamed(client, ask):
    """One answer in pieces; the usage comes in a last chunk without choices."""
    text, finish, usage, pieces, role = "", None, None, 0, None
    for chunk in client.chat.completions.create(**ask, stream=True, stream_options={"include_usage": True}):
        check(chunk.object == "chat.completion.chunk", "not a chunk")
        check(usage is None, "a chunk after the usage")
        usage = chunk.usage
        for choice in chunk.choices:
            check(finish is None, "a choice after its end")
            role = role or choice.delta.role
            if choice.delta.content:
                text += choice.delta.content
                pieces += 1
            finish = choice.finish_reason
    check(role == "assistant" and usage is not None, "no role or no usage")
    return text, finish, usage.to_dict(), pieces


def refused(client, ask, **more):
    """The server refuses the request with more fields as a bad request, in the error form the client understands."""
    try:
        client.chat.completions.create(**ask, **more)
    except openai.BadRequestError as e:
        check(e.type == "invalid_request_error" and e.body.get("message"), "not the error form")
        return e.code
    sys.exit(f"openai_client: {sorted(more)} was not refused")


def main():
    """Command line."""
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("base_url")
    p.add_argument("--ca", help="PEM file with the authority to trust, instead of the system's")
    p.add_argument("--model", help="default: the first that the server lists")
    p.add_argument("--key", default="none")
    p.add_argument("--prompt", default="Hello.")
    a = p.parse_args()
    transport = openai.DefaultHttpxClient(verify=ssl.create_default_context(cafile=a.ca), trust_env=False)
    client = openai.OpenAI(base_url=a.base_url, api_key=a.key, http_client=transport, max_retries=0, timeout=60)
    listed = [m.id for m in client.models.list()]
    check(listed, "the server lists no model")
    model = a.model or listed[0]
    check(model in listed, "the model is not listed")
    ask = {"model": model, "messages": [{"role": "user", "content": a.prompt}], "temperature": 0}
    text, finish, usage = plain(client, ask)
    pieces, finish2, usage2, n = streamed(client, ask)
    check((text, finish, usage) == (pieces, finish2, usage2), "streamed and plain answers differ")
    check(n > 1, "the answer was streamed in one piece")
    cut = plain(client, {**ask, "max_tokens": 2})
    check(cut[1] == "length" and cut[2]["completion_tokens"] == 2, "max_tokens is not the length")
    codes = [refused(client, ask, n=2), refused(client, ask, logit_bias={"1": 2})]
    print(json.dumps({"client": openai.__version__, "model": model, "text": text, "finish_reason": finish, "usage": usage, "pieces": n, "refused": codes}))


main()
