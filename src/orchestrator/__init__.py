"""The campaign orchestrator: from the facts of an ERP to mails in the right inboxes.

A tour in the order in which data flows:

``definitions``  the marketers' TOML files become frozen values, or a report of every problem
``sources``      the ERP's and the shop's rows become canonical tables
``contacts``     what we know of one contact: the profile query, consent, news from the provider
``segments``     an expression becomes SQL becomes memberships and their differences
``audiences``    our memberships become the provider's audience
``campaigns``    what is due, who gets it and why not, and a run's way from planned to sent
``templates``    one rendered mail per recipient becomes the fewest mailings
``mailchimp``    the only package that knows the provider
``reports``      what came of it
``store``        the tables and the queries
``engine``       wires all of it together for the ``cli`` and the ``daemon``
``sandbox``      a local Mailchimp, independent of everything above
"""

__version__ = "0.1.0"
