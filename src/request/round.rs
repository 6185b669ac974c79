//! One statement, put to every authority of a list that can vouch now (spec section 9); without I/O.

use super::{Answer, Failure, Protocol, Question, VoucherRequest};
use crate::authority_list::AuthorityList;
use crate::bundle::assemble_fitting;
use crate::statement::{DecodeError, Proposal, Statement};
use crate::time::UnixTime;

/// One question to each authority, and what came of it.
#[derive(Clone, Debug)]
pub struct Round {
    statement: Vec<u8>,
    asked: Vec<Asked>,
}

/// One authority of a round.
#[derive(Clone, Debug)]
pub struct Asked {
    operator: usize,
    question: Question,
    reply: Option<Result<Vec<u8>, Failure>>,
}

/// Why there is no round.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoundError {
    /// The statement would be none.
    #[error("{0}")]
    Statement(#[from] DecodeError),
    /// Nobody could be asked.
    #[error("no authority of the list of {operators} operators can vouch at {at}")]
    Nobody {
        /// How many operators the list has.
        operators: usize,
        /// When the statement was made.
        at: UnixTime,
    },
}

/// Why a reply was not taken: each authority replies once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the authority with index {0} has replied already, or was given up")]
pub struct RepliedAlready(usize);

impl Round {
    /// Asks the authorities of `list` that are valid when the statement is made, and whose algorithm is known, in the
    /// list's order; answers count until `deadline`. Those that own a part of the chain are asked, too: they know best.
    pub fn new(
        list: &AuthorityList,
        proposal: &Proposal<'_>,
        protocol: Protocol,
        deadline: UnixTime,
    ) -> Result<Self, RoundError> {
        let der = proposal.to_der()?;
        let request = VoucherRequest { statement: Statement::from_der(&der)?, protocol };
        let mut asked = Vec::new();
        for (operator, of) in list.operators().iter().enumerate() {
            for authority in of.authorities.iter().filter(|authority| authority.is_usable(proposal.produced_at)) {
                let question = Question::new(&authority.url, &authority.public_key, &request, deadline)?;
                asked.push(Asked { operator, question, reply: None });
            }
        }
        if asked.is_empty() {
            let (operators, at) = (list.operators().len(), proposal.produced_at);
            return Err(RoundError::Nobody { operators, at });
        }
        Ok(Self { statement: der, asked })
    }

    /// The authorities, one or more.
    #[must_use]
    pub fn asked(&self) -> &[Asked] {
        &self.asked
    }

    /// An authority's answer, complete at `now`; it counts if it is a good endorsement.
    pub fn answer(
        &mut self,
        index: usize,
        answer: &Answer<'_>,
        now: UnixTime,
    ) -> Result<Result<(), &Failure>, RepliedAlready> {
        self.reply(index, |question| question.judge(answer, now))
    }

    /// An authority has not answered in time.
    pub fn time_out(&mut self, index: usize) -> Result<Result<(), &Failure>, RepliedAlready> {
        self.reply(index, |question| Err(question.timed_out()))
    }

    /// An authority cannot be reached: `why` in a few words.
    pub fn give_up(&mut self, index: usize, why: &str) -> Result<Result<(), &Failure>, RepliedAlready> {
        self.reply(index, |_| Err(Failure::unreachable(why)))
    }

    /// The DER of the bundle of what has come so far, and how many endorsements had to be left out for it to fit an
    /// answer; none if there are none yet.
    pub fn bundle(&self) -> Result<Option<(Vec<u8>, usize)>, DecodeError> {
        let good = self.asked.iter().filter_map(|asked| Some((Some(asked.operator), asked.endorsement()?)));
        let mut endorsements = good.peekable();
        if endorsements.peek().is_none() {
            return Ok(None);
        }
        assemble_fitting(&self.statement, endorsements).map(Some)
    }

    fn reply(
        &mut self,
        index: usize,
        reply: impl FnOnce(&Question) -> Result<Vec<u8>, Failure>,
    ) -> Result<Result<(), &Failure>, RepliedAlready> {
        let asked = self.asked.get_mut(index).filter(|asked| asked.reply.is_none()).ok_or(RepliedAlready(index))?;
        Ok(asked.reply.insert(reply(&asked.question)).as_ref().map(|_| ()))
    }
}

impl Asked {
    /// The index of its operator in the list.
    #[must_use]
    pub fn operator(&self) -> usize {
        self.operator
    }

    /// What to send, and until when.
    #[must_use]
    pub fn question(&self) -> &Question {
        &self.question
    }

    /// Whether there is no reply yet.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.reply.is_none()
    }

    /// The DER of its endorsement, if it gave a good one.
    #[must_use]
    pub fn endorsement(&self) -> Option<&[u8]> {
        self.reply.as_ref()?.as_deref().ok()
    }

    /// Why it did not vouch, if it did not.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.reply.as_ref()?.as_ref().err()
    }
}
