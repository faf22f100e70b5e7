"""How a model service is called: one client and one reader of replies, for judge, annotation and doctor.

address.py        where a service lives, its key, and which cases may be sent there
command_line.py   what is wrong with an endpoint that a command line names, by its option
certificates.py   which certificates and proxies of the environment are used
client.py         one request, bounded in time and bytes: `ChatClient.complete`
request.py        the body of a request as bytes
body.py           the bytes of a response, read up to a bound
completion.py     the body of a chat completion -> its text or the kind of its failure
reported_errors.py  errors in a body with status 200
refusals.py       refusals of one request with a cause that can be removed
thoughts.py       a reply without the reasoning that stands before it
json_in_text.py   JSON objects in a model's text
untrusted_json.py text of models and data as JSON that no chat template can mistake for its own marks
tokens.py         how many tokens a call has used: as reported, or estimated
outage.py         failures of the service, not of one request
retry.py          when to call again, and how long to wait
image.py          an image in the size and format that is sent
prompt_images.py  the images of a row, in every form that verl takes
prompt_turns.py   a chat prompt as texts and places of images
privacy.py        the flag `may_leave_machine` of a row
secret_key.py     a key that shows in no text
"""
