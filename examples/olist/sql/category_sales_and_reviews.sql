-- title: Sales and reviews by category
-- description: Revenue and average score of each category. An order's score counts once for each category in the order.
-- chart: bar x=category y=revenue line=average_score
WITH item AS (
    SELECT
        i.order_id,
        i.price,
        COALESCE(t.product_category_name_english, p.product_category_name, 'unknown') AS category
    FROM order_items i
    JOIN products p ON p.product_id = i.product_id
    LEFT JOIN category_translation t ON t.product_category_name = p.product_category_name
),
sales AS (
    SELECT category, COUNT(*) AS items, SUM(price) AS revenue
    FROM item
    GROUP BY category
),
reviewed AS (
    SELECT c.category, COUNT(*) AS reviews, SUM(r.review_score) AS score_sum
    FROM (SELECT DISTINCT category, order_id FROM item) c
    JOIN order_reviews r ON r.order_id = c.order_id
    GROUP BY c.category
)
SELECT
    s.category,
    s.items,
    s.revenue,
    COALESCE(v.reviews, 0) AS reviews,
    CAST(v.score_sum AS double) / v.reviews AS average_score
FROM sales s
LEFT JOIN reviewed v ON v.category = s.category
ORDER BY s.revenue DESC, s.category
