"""What is due, who gets it and why not, and a run's way from planned to sent.

``due``          which campaigns have an occurrence now, and whom it concerns
``eligibility``  one decision per contact: the first reason wins
``content``      each recipient's mail, and the fewest mailings that carry them
``start``        a due occurrence becomes a run: decisions and contents in our database, nothing at the provider yet
``carry``        a run's mailings through their states at the provider, and back from every interruption
``settle``       who really received it
``cleanup``      what interrupted work left at the provider
"""
