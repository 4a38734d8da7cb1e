//! One question for all who ask the same at the same time.
//!
//! Whoever asks first starts it. If it takes long, a task of its own goes on with it, so a caller that goes away takes
//! nothing with it. A question that dies is removed: the next caller asks anew.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use tokio::runtime::Handle;
use tokio::sync::watch;

/// What a question is about: the SHA-256 of a token.
type Topic = [u8; 32];

/// Questions that are being asked, and those who wait for the answers.
pub(super) struct Flights<T> {
    under_way: Mutex<HashMap<Topic, watch::Receiver<Option<T>>>>,
    most: usize,
}

impl<T: Clone + Send + Sync + 'static> Flights<T> {
    /// At most this many different questions at once.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { under_way: Mutex::default(), most })
    }

    /// The answer to a question: of the one that is being asked, or of a new one. `None` if there are too many at once,
    /// or if the question has died.
    pub(super) async fn join<F>(self: &Arc<Self>, topic: Topic, ask: impl FnOnce() -> F) -> Option<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let answer = match self.board(topic)? {
            Boarded::Passenger(answer) => answer,
            Boarded::Pilot(answer, sender) => {
                self.fly(topic, sender, ask()).await;
                answer
            }
        };
        wait_for(answer).await
    }

    fn board(&self, topic: Topic) -> Option<Boarded<T>> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = under_way.get(&topic) {
            return Some(Boarded::Passenger(answer.clone()));
        }
        if under_way.len() >= self.most {
            return None;
        }
        let (sender, receiver) = watch::channel(None);
        under_way.insert(topic, receiver.clone());
        Some(Boarded::Pilot(receiver, sender))
    }

    /// An answer that is there at once, such as a signature's, needs no task.
    async fn fly<F>(self: &Arc<Self>, topic: Topic, sender: watch::Sender<Option<T>>, question: F)
    where
        F: Future<Output = T> + Send + 'static,
    {
        let landing = Landing { flights: Arc::clone(self), topic };
        let mut flight = Box::pin(async move {
            let answer = question.await;
            // Whoever comes from here on asks anew.
            drop(landing);
            let _ = sender.send(Some(answer));
        });
        if poll_fn(|cx| Poll::Ready(flight.as_mut().poll(cx))).await.is_ready() {
            return;
        }
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(flight)),
            // Another runtime: the first caller goes on with it, and if it goes away, the others ask for themselves.
            Err(_) => flight.await,
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.under_way.lock().unwrap().len()
    }
}

async fn wait_for<T: Clone>(mut answer: watch::Receiver<Option<T>>) -> Option<T> {
    let at_once = answer.borrow().clone();
    match at_once {
        Some(answer) => Some(answer),
        None => answer.wait_for(Option::is_some).await.ok()?.clone(),
    }
}

/// Who asks, and who waits for the answer.
enum Boarded<T> {
    Passenger(watch::Receiver<Option<T>>),
    Pilot(watch::Receiver<Option<T>>, watch::Sender<Option<T>>),
}

/// Removes the question, also when it panics or is dropped.
struct Landing<T> {
    flights: Arc<Flights<T>>,
    topic: Topic,
}

impl<T> Drop for Landing<T> {
    fn drop(&mut self) {
        self.flights.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.topic);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::SeqCst;

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn those_who_come_together_share_one_question_and_may_leave() {
        let flights = Flights::new(2);
        let (asked, answers) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let ask = |topic: u8| {
            let (flights, asked, answers) = (Arc::clone(&flights), Arc::clone(&asked), Arc::clone(&answers));
            Box::pin(async move {
                let question = || async move {
                    asked.fetch_add(1, SeqCst);
                    answers.acquire().await.unwrap().forget();
                    topic
                };
                flights.join([topic; 32], question).await
            })
        };
        // The first to come gives up, the others are served.
        let mut impatient = ask(1);
        assert!(poll_fn(|cx| Poll::Ready(impatient.as_mut().poll(cx).is_pending())).await);
        drop(impatient);
        let served = async {
            let answer = async {
                tokio::task::yield_now().await;
                answers.add_permits(1);
            };
            tokio::join!(ask(1), ask(1), answer)
        };
        let (second, third, ()) = served.await;
        assert_eq!((second, third, asked.load(SeqCst)), (Some(1), Some(1), 1));
        assert_eq!(flights.count(), 0);
        // Beyond the bound nothing is asked.
        answers.add_permits(2);
        let (mut one, mut two) = (ask(1), ask(2));
        let held = answers.acquire_many(2).await.unwrap();
        poll_fn(|cx| Poll::Ready((one.as_mut().poll(cx).is_pending(), two.as_mut().poll(cx).is_pending()))).await;
        assert_eq!(ask(3).await, None);
        drop(held);
        assert_eq!((one.await, two.await, asked.load(SeqCst)), (Some(1), Some(2), 3));
    }

    #[tokio::test]
    async fn a_question_that_panics_is_forgotten() {
        let flights = Flights::<u8>::new(1);
        let dying = || async {
            tokio::task::yield_now().await;
            panic!("for the test")
        };
        assert_eq!(flights.join([0; 32], dying).await, None);
        assert_eq!(flights.count(), 0);
        // At once, in the caller's own hands.
        let shared = Arc::clone(&flights);
        let dead = tokio::spawn(async move { shared.join([0; 32], || async { panic!("for the test") }).await });
        assert!(dead.await.unwrap_err().is_panic());
        assert_eq!(flights.count(), 0);
        assert_eq!(flights.join([0; 32], || async { 7 }).await, Some(7));
    }

    /// Without tokio, a caller that leaves takes the question with it, and the next one asks anew.
    #[test]
    fn another_runtime_works_as_well() {
        use std::pin::pin;
        use std::task::{Context, Waker};

        let flights = Flights::<u8>::new(1);
        let mut cx = Context::from_waker(Waker::noop());
        {
            let mut waiting = pin!(flights.join([0; 32], std::future::pending));
            assert!(waiting.as_mut().poll(&mut cx).is_pending());
            assert_eq!(flights.count(), 1);
        }
        assert_eq!(flights.count(), 0);
        let mut at_once = pin!(flights.join([0; 32], || async { 7 }));
        assert_eq!(at_once.as_mut().poll(&mut cx), Poll::Ready(Some(7)));
    }
}
